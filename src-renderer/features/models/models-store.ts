import { defineStore } from 'pinia'
import { computed, ref, shallowRef, watch } from 'vue'
import type { CommandOutput } from '../../../src-main/contract/protocol/commands'
import { modelNames } from '../../../src-main/contract/document/names/model-names'
import { FusionError, type ErrorReport } from '../../../src-main/contract/errors'
import type { IncompatibilityReport, ModelDescription } from '../../../src-main/contract/document/models'
import { modelSchema, type ModelEntry } from '../../../src-main/contract/document/project'
import { useSession } from '../../bridge/session-store'
import { useNotices } from '../../shared/notices/notices-store'
import { windowWords } from '../../shared/window-words'
import { useFileDialog } from '../files/file-dialog-store'
import { useJobs } from '../jobs/jobs-store'
import { useProject } from '../project/project-store'
import { useCards } from './cards-store'
import { ancestorWarning, distilledWarning } from './noise-warnings'

/** Something that keeps models from being merged, or that a person should know. */
export interface ModelProblem {
  severity: 'error' | 'warning'
  kind: IncompatibilityReport['kind'] | ErrorReport['kind'] | 'remark' | 'copy' | 'noise'
  path: string
  message: string
  hint: string | null
  tensors: IncompatibilityReport['tensors']
}

/** What the project's models are, from their headers, and whether they fit together. */
export const useModels = defineStore('models', () => {
  const session = useSession()
  const project = useProject()
  const notices = useNotices()
  const files = useFileDialog()
  const jobs = useJobs()
  const cards = useCards()
  const descriptions = ref(new Map<string, ModelDescription>())
  const incompatibilities = shallowRef<readonly IncompatibilityReport[] | null>(null)
  const network = shallowRef<CommandOutput<'models.layers'> | null>(null)
  const selected = ref<string | null>(null)
  /** Paths of models that are to be merged although that is likely to give noise. */
  const agreed = shallowRef<ReadonlySet<string>>(new Set())
  /** What the person is about to add to an empty project. */
  const addingAs = ref<'base' | 'specialists'>('base')
  /** Specialists that were chosen before their base. */
  const waiting = shallowRef<readonly { path: string; name?: string }[]>([])
  let asked = 0

  const paths = computed(() => project.models.map(({ path }) => path).join('\n'))
  const compared = computed(() => project.models.map((model) => (model.enabled ? model.path : '')).join('\n'))
  const comparison = computed(() => {
    const { output, method } = project.project
    return JSON.stringify([project.base?.path, output.include, method.name, method.layerKinds, compared.value])
  })

  /** A description says whether its file differs from the hash in the project. */
  const hashes = computed(() => project.models.map(({ sha256 }) => sha256 ?? '').join('\n'))

  watch([paths, hashes], ([, now], [, before]) => describe(now !== before), { immediate: true })
  watch(comparison, () => compare(), { immediate: true })

  // A file that vanished or came back is another model for everything that knows of it.
  session.onEvent((event) => {
    if (event.type !== 'model-files') return
    void describe(true)
    void compare()
  })

  async function describe(again = false): Promise<void> {
    const unknown = project.models.map(({ path }) => path).filter((path) => again || !descriptions.value.has(path))
    if (unknown.length === 0) return
    const answer = await notices.attempt(() => session.invoke('models.describe', { paths: [...new Set(unknown)] }))
    for (const model of answer?.models ?? []) descriptions.value.set(model.path, model)
  }

  async function compare(): Promise<void> {
    const mine = ++asked
    if (project.models.length === 0) {
      incompatibilities.value = []
      network.value = null
      return
    }
    await project.settled()
    const [problems, layers] = await Promise.allSettled([
      session.invoke('models.compatibility', {}),
      session.invoke('models.layers', {}),
    ])
    if (mine !== asked) return
    incompatibilities.value = problems.status === 'fulfilled' ? problems.value.problems : []
    network.value = layers.status === 'fulfilled' ? layers.value : null
  }

  function summaryOf(path: string): ModelDescription['summary'] {
    return descriptions.value.get(path)?.summary ?? null
  }

  /** In the window's words. */
  const problems = computed<ModelProblem[]>(() => {
    const told = project.models.flatMap(({ path }): ModelProblem[] => {
      const { summary, error } = descriptions.value.get(path) ?? {}
      if (!error)
        return (summary?.problems ?? []).map((problem) => ({
          ...problem,
          kind: 'remark',
          path,
          hint: null,
          tensors: [],
        }))
      const { kind, message, hint } = error
      return [{ severity: 'error', kind, path, message, hint: hint ?? null, tensors: [] }]
    })
    const unfit = (incompatibilities.value ?? []).map((one) => ({ ...one, hint: one.hint ?? null }))
    return [...told, ...unfit, ...copies(), ...noise()].map((problem) => ({
      ...problem,
      message: windowWords(problem.message),
      hint: problem.hint === null ? null : windowWords(problem.hint),
    }))
  })

  /** Models whose weights are those of one before them: together they only weigh more. */
  function copies(): ModelProblem[] {
    const known = project.models.map(({ name, path }) => ({ name, path, sha256: cards.cardOf(path)?.sha256 ?? null }))
    return known.flatMap(({ path, sha256 }, index): ModelProblem[] => {
      const same = sha256 === null ? undefined : known.slice(0, index).find((other) => other.sha256 === sha256)
      if (!same) return []
      const message = `The same weights as ${same.name}.`
      const hint = 'Leave one of them out, and give the other a larger weight.'
      return [{ severity: 'warning', kind: 'copy', path, message, hint, tensors: [] }]
    })
  }

  /** Models whose merge with the base is likely to be noise, by their weights and names. */
  function noise(): ModelProblem[] {
    const base = project.base && summaryOf(project.base.path)
    return project.specialists.flatMap(({ path }): ModelProblem[] => {
      const ancestry = cards.cardOf(path)?.ancestry
      const summary = summaryOf(path)
      const found = [ancestry && ancestorWarning(ancestry), summary && base && distilledWarning(summary, base)]
      return found.flatMap((one) =>
        one ? [{ ...one, severity: 'warning' as const, kind: 'noise' as const, path, tensors: [] }] : [],
      )
    })
  }

  /** Models that take part although a merge with them is likely to be noise, and nobody has agreed to that. */
  const doubtful = computed(() =>
    project.specialists.filter(
      (model) =>
        model.enabled && !agreed.value.has(model.path) && !unfit.value.includes(model) && doubtOf(model) !== undefined,
    ),
  )

  function doubtOf({ path }: ModelEntry): ModelProblem | undefined {
    return problemsOf(path).find(({ kind }) => kind === 'noise' || kind === 'prediction')
  }

  function agree({ path }: ModelEntry): void {
    agreed.value = new Set([...agreed.value, path])
  }

  /** Models that would take part in the merge, and cannot: they need attention. */
  const unfit = computed(() =>
    project.models.filter(
      ({ enabled, path }, index) =>
        (enabled || index === 0) && problemsOf(path).some(({ severity }) => severity === 'error'),
    ),
  )

  /** What keeps the merge from being made; models that are left out keep nothing. */
  const errors = computed(() => {
    const leftOut = new Set(project.models.slice(1).flatMap(({ enabled, path }) => (enabled ? [] : [path])))
    return problems.value.filter(({ severity, path }) => severity === 'error' && !leftOut.has(path))
  })

  function problemsOf(path: string): ModelProblem[] {
    return problems.value.filter((problem) => problem.path === path)
  }

  function add(found: string[]): void {
    addNamed(found.map((path) => ({ path })))
  }

  /** Adds a model that takes no part in the merge: to be drawn beside it. */
  function addDropped(path: string): void {
    const [name] = modelNames(
      [{ path }],
      project.models.map((model) => model.name),
    ) as [string]
    project.edit(`Add ${name}, dropped`, [
      { type: 'add-models', models: [{ path, name }] },
      { type: 'set-model', name, model: modelSchema.parse({ name, path, enabled: false }) },
    ])
  }

  /** Names are made from the paths where none is given. Specialists of an empty project wait for their base. */
  function addNamed(found: { path: string; name?: string }[]): void {
    if (found.length === 0) return
    if (project.models.length === 0 && addingAs.value === 'specialists') {
      waiting.value = [...waiting.value, ...found]
      return
    }
    const all = [...found, ...waiting.value]
    waiting.value = []
    const words = all.length === 1 ? 'Add a model' : `Add ${all.length} models`
    project.edit(words, [{ type: 'add-models', models: all }])
  }

  function remove(names: readonly string[]): void {
    const words = names.length === 1 ? `Remove ${names[0]}` : `Remove ${names.length} models`
    const edits = names.map((name) => ({ type: 'remove-model', name }) as const)
    if (edits.length > 0) project.edit(words, edits)
  }

  function setTakesPart({ name }: ModelEntry, enabled: boolean): void {
    project.editModel(name, { enabled }, enabled ? `Add ${name} back` : `Drop ${name}`)
  }

  /** Lets a person say where a model's file is now. */
  async function locate({ name }: ModelEntry): Promise<void> {
    const [path] = await files.choose('models')
    if (path !== undefined) project.editModel(name, { path }, `Locate ${name}`)
  }

  async function browse(folders: boolean): Promise<void> {
    add(await files.choose(folders ? 'model-folders' : 'models'))
  }

  /** Restores the project of an exported file, or of a recipe. */
  async function restore(path: string): Promise<void> {
    await project.replaceBy(async () => {
      const { project: state, missing } = await session.invoke('project.restore', { path })
      if (missing.length > 0) {
        const error = new FusionError('not-found', `Not found: ${missing.join(', ')}.`, {
          hint: 'Locate them in Models, or remove them there; or add their folders in Settings, and restore again.',
        })
        notices.report(error)
      }
      return state
    })
  }

  async function hash(): Promise<void> {
    await notices.attempt(async () => {
      const { job } = await session.invoke('models.hash', {})
      await jobs.result(job, 'hash')
      await describe(true)
    })
  }

  return {
    descriptions,
    incompatibilities,
    network,
    selected,
    problems,
    unfit,
    doubtful,
    doubtOf,
    agree,
    errors,
    addingAs,
    waiting,
    remove,
    setTakesPart,
    locate,
    summaryOf,
    problemsOf,
    add,
    addDropped,
    addNamed,
    browse,
    restore,
    hash,
  }
})
