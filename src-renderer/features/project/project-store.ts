import { defineStore } from 'pinia'
import { computed, shallowRef } from 'vue'
import type { CalibrationSettings } from '../../../src-main/contract/document/calibration'
import type { EvaluationSettings } from '../../../src-main/contract/evaluate/settings'
import { describedMethod } from '../../../src-main/contract/methods/index'
import {
  methodSchema,
  withReading,
  type MethodSettings,
  type ModelEntry,
  type OutputSettings,
  type EmaUse,
  type PredictionType,
  type PreviewSettings,
  type Project,
} from '../../../src-main/contract/document/project'
import type { Edit, ProjectState } from '../../../src-main/contract/state'
import { useSession } from '../../bridge/session-store'
import { keepEqual } from '../../shared/keep-equal'
import { distinctNames } from '../../shared/names/distinct-names'
import { useNotices } from '../../shared/notices/notices-store'
import { useQuestions } from '../../shared/questions/questions-store'

interface PendingEdit {
  edits: Edit[]
  label: string
  merge?: string
}

const NO_PROJECT: Project = {
  format: 'featurefusion-project',
  version: 1,
  models: [],
  method: methodSchema.parse({}),
  output: {} as OutputSettings,
  preview: {} as PreviewSettings,
  evaluation: {} as EvaluationSettings,
  calibration: {} as CalibrationSettings,
  snapshots: [],
}

/** The document as the host holds it, with the edits that are still on their way applied: controls answer at once. */
export const useProject = defineStore('project', () => {
  const session = useSession()
  const notices = useNotices()
  const questions = useQuestions()
  const state = shallowRef<ProjectState | null>(null)
  const pending = shallowRef<readonly PendingEdit[]>([])
  let sending: Promise<void> | undefined

  // Whatever its revision: it may be another host's.
  session.onSnapshot((snapshot) => (state.value = keepEqual(state.value, snapshot.project)))
  session.onEvent((event) => {
    if (event.type === 'project') take(event.project)
  })

  /** Events and answers come on different ways: an older state may come later. */
  function take(next: ProjectState): void {
    if (!state.value || next.revision >= state.value.revision) state.value = keepEqual(state.value, next)
  }

  /** An answer of the host that says what is shown already changes nothing here. */
  const project = computed<Project>((before) => {
    const edits = pending.value.flatMap((one) => one.edits)
    return keepEqual(before, edits.reduce(applyEdit, state.value?.project ?? NO_PROJECT))
  })
  /** What its method is. */
  const method = computed(() => describedMethod(project.value.method.name))
  const models = computed(() => project.value.models)
  const base = computed<ModelEntry | undefined>(() => models.value[0])
  const specialists = computed(() => models.value.slice(1))
  const enabledSpecialists = computed(() => specialists.value.filter(({ enabled }) => enabled))

  const droppedSpecialists = computed(() => specialists.value.filter(({ enabled }) => !enabled))
  /** Names for where there is little room, by the whole ones. */
  const shortNames = computed(() => distinctNames(models.value.map(({ name }) => name)))

  /** The place of a model, 0 for the base; -1: it is not in the project. */
  function placeOf(name: string): number {
    return models.value.findIndex((model) => model.name === name)
  }

  /** Changes the document; edits with the same `merge` that follow each other are one step of undo. */
  function edit(label: string, edits: Edit[], merge?: string): void {
    const last = pending.value.at(-1)
    const replaces = merge !== undefined && last?.merge === merge && pending.value.length > 1
    const next: PendingEdit = merge === undefined ? { edits, label } : { edits, label, merge }
    pending.value = replaces ? [...pending.value.slice(0, -1), next] : [...pending.value, next]
    sending ??= send().finally(() => (sending = undefined))
  }

  async function send(): Promise<void> {
    for (let next = pending.value[0]; next; next = pending.value[0]) {
      try {
        take(await session.invoke('project.edit', next))
      } catch (error) {
        notices.report(error)
      }
      pending.value = pending.value.slice(1)
    }
  }

  async function settled(): Promise<void> {
    while (sending) await sending
  }

  function editModel(name: string, change: Partial<ModelEntry>, label: string, merge?: string): void {
    const model = models.value.find((candidate) => candidate.name === name)
    if (model) edit(label, [{ type: 'set-model', name, model: { ...model, ...change } }], merge)
  }

  /** Edits that give models what they are in `changed`, place by place. */
  function editsOf(changed: readonly ModelEntry[]): Edit[] {
    return changed.flatMap((model, index) =>
      model === models.value[index] ? [] : [{ type: 'set-model' as const, name: models.value[index]!.name, model }],
    )
  }

  /** To 0: it becomes the base. */
  function moveModel(name: string, to: number): void {
    edit(to === 0 ? `Make ${name} the base` : `Move ${name}`, [{ type: 'move-model', name, to }])
  }

  function editMethod(change: Partial<MethodSettings>, label: string, merge?: string): void {
    edit(label, [{ type: 'set-method', method: { ...project.value.method, ...change } }], merge)
  }

  function editOutput(change: Partial<OutputSettings>, label: string, merge?: string): void {
    edit(label, [{ type: 'set-output', output: { ...project.value.output, ...change } }], merge)
  }

  /** Null: what the models' files say. */
  function choosePrediction(prediction: PredictionType | null): void {
    edit('What the models predict', [{ type: 'set-prediction', prediction }])
  }

  /** Null: they are dropped. */
  function chooseEma(ema: EmaUse | null): void {
    edit('EMA copies', [{ type: 'set-ema', ema }])
  }

  function editPreview(change: Partial<PreviewSettings>, label: string, merge?: string): void {
    edit(label, [{ type: 'set-preview', preview: { ...project.value.preview, ...change } }], merge)
  }

  function editEvaluation(change: Partial<EvaluationSettings>, label: string): void {
    edit(label, [{ type: 'set-evaluation', evaluation: { ...project.value.evaluation, ...change } }])
  }

  function editCalibration(change: Partial<CalibrationSettings>, label: string): void {
    edit(label, [{ type: 'set-calibration', calibration: { ...project.value.calibration, ...change } }])
  }

  /** Runs a command that answers with the document, after all edits; false where it failed. */
  async function run(command: () => Promise<ProjectState>): Promise<boolean> {
    await settled()
    const next = await notices.attempt(command)
    if (next) take(next)
    return next !== undefined
  }

  /**
   * Puts another document in the place of this one, which undo brings back. Asks first where changes of a file are left
   * behind; false where it was not done.
   */
  async function replaceBy(command: () => Promise<ProjectState>): Promise<boolean> {
    await settled()
    const { path = null, title = '', dirty = false } = state.value ?? {}
    const isFilled = models.value.length > 0
    if (dirty && path !== null) {
      const answer = await questions.ask({
        title: `Save the changes of ${title}?`,
        words: `${path} does not have them yet. Undo brings them back only until the program ends.`,
        answers: [
          { value: 'leave', label: 'Do not save' },
          { value: 'save', label: 'Save', isUsual: true },
        ],
      })
      if (answer === null) return false
      if (answer === 'save' && !(await run(() => session.invoke('project.save', {})))) return false
    }
    const leaves = dirty && isFilled && state.value?.dirty === true
    if (!(await run(command))) return false
    if (leaves) notices.say(`${title} was not saved. Undo brings it back.`, { label: 'Undo', run: undo })
    return true
  }

  const undo = (): Promise<boolean> => run(() => session.invoke('project.undo', {}))
  const redo = (): Promise<boolean> => run(() => session.invoke('project.redo', {}))
  const startNew = (): Promise<boolean> => replaceBy(() => session.invoke('project.new', {}))
  const openDemo = (): Promise<boolean> => replaceBy(() => session.invoke('project.demo', {}))

  return {
    state,
    project,
    method,
    models,
    base,
    specialists,
    enabledSpecialists,
    droppedSpecialists,
    shortNames,
    placeOf,
    edit,
    editModel,
    editsOf,
    moveModel,
    editMethod,
    editOutput,
    choosePrediction,
    chooseEma,
    editPreview,
    editEvaluation,
    editCalibration,
    settled,
    run,
    replaceBy,
    undo,
    redo,
    startNew,
    openDemo,
  }
})

/** The document after an edit that replaces a part; what only the host can do leaves it as it is. */
function applyEdit(project: Project, edit: Edit): Project {
  switch (edit.type) {
    case 'set-model': {
      const model = edit.model as ModelEntry
      return { ...project, models: project.models.map((entry) => (entry.name === edit.name ? model : entry)) }
    }
    case 'set-method':
      return { ...project, method: edit.method }
    case 'set-output':
      return { ...project, output: edit.output }
    case 'set-prediction':
      return withReading(project, { prediction: edit.prediction })
    case 'set-ema':
      return withReading(project, { ema: edit.ema })
    case 'set-preview':
      return { ...project, preview: edit.preview }
    case 'set-evaluation':
      return { ...project, evaluation: edit.evaluation as EvaluationSettings }
    case 'set-snapshots':
      return { ...project, snapshots: edit.snapshots as Project['snapshots'] }
    case 'set-calibration':
      return { ...project, calibration: edit.calibration as CalibrationSettings }
    case 'move-model': {
      const moved = project.models.find(({ name }) => name === edit.name)
      if (!moved) return project
      const models = project.models.filter((model) => model !== moved)
      models.splice(edit.to, 0, moved)
      return { ...project, models }
    }
    case 'remove-model':
      return { ...project, models: project.models.filter(({ name }) => name !== edit.name) }
    case 'add-models':
      return project
  }
}
