import {
  takingPart,
  type ModelEntry,
  type Project,
  type TuneSnapshot,
} from '../../../../src-main/contract/document/project'
import { methodWords } from '../../../../src-main/contract/methods/words'
import type { Edit } from '../../../../src-main/contract/state'
import { countOf, formatNumber, listOf } from '../../../shared/format'

/** What a snapshot keeps of a project. */
type State = Pick<TuneSnapshot, 'models' | 'method' | 'include'>

/** The weights and the method of a project as they are. */
export function stateOf({ models, method, output }: Pick<Project, 'models' | 'method' | 'output'>): State {
  const { calibration: _calibration, reuse: _reuse, ...settings } = method
  return {
    models: models.map(({ path: _path, sha256: _hash, ...model }) => model),
    method: settings,
    include: output.include,
  }
}

/** Whether a project is as a snapshot has it. */
export function isNow(snapshot: State, project: Pick<Project, 'models' | 'method' | 'output'>): boolean {
  const { models, method, include } = snapshot
  return sameValue({ models, method, include }, stateOf(project))
}

/** Equal as JSON, whatever the order of the keys. */
function sameValue(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return Object.is(a, b)
  const [one, other] = [a, b].map((value) => Object.entries(value).filter(([, entry]) => entry !== undefined))
  const values = new Map(other)
  return (
    one!.length === other!.length && one!.every(([key, value]) => values.has(key) && sameValue(value, values.get(key)))
  )
}

/** Edits that bring a snapshot back; models that it does not know are dropped, since they were not in its merge. */
export function editsOfSnapshot(project: Project, { models, method, include }: TuneSnapshot): Edit[] {
  const known = new Map(models.map((model) => [model.name, model]))
  const asKept = (model: ModelEntry, index: number): ModelEntry => {
    const kept = known.get(model.name)
    if (!kept) return index === 0 ? model : { ...model, enabled: false }
    const { strengths: _strengths, ...rest } = model
    return { ...rest, ...kept }
  }
  const { calibration, reuse } = project.method
  return [
    ...project.models.map((model, index) => ({
      type: 'set-model' as const,
      name: model.name,
      model: asKept(model, index),
    })),
    { type: 'set-method', method: { ...method, reuse, ...(calibration !== undefined && { calibration }) } },
    { type: 'set-output', output: { ...project.output, include } },
  ]
}

/** Models of a snapshot that the project has no more, as a sentence; '' where it has all. */
export function missingWords({ models }: State, project: Pick<Project, 'models'>): string {
  const names = new Set(project.models.map(({ name }) => name))
  const gone = models.map(({ name }) => name).filter((name) => !names.has(name))
  if (gone.length === 0) return ''
  return `${listOf(gone)} ${gone.length === 1 ? 'is' : 'are'} in the project no more.`
}

/** 'FeatureFusion, aligned: base 1, food 0.5; 2 dropped'. */
export function snapshotWords({ models, method }: State): string {
  const taking = takingPart(models)
  const dropped = models.length - taking.length
  const words = taking.map(({ name, weight }) => `${name} ${formatNumber(weight)}`).join(', ')
  return `${methodWords({ ...method, reuse: false })}: ${words}${dropped > 0 ? `; ${countOf(dropped, 'model')} dropped` : ''}`
}

/** A name that no other snapshot has. */
export function nextName(snapshots: readonly TuneSnapshot[]): string {
  const names = new Set(snapshots.map(({ name }) => name))
  for (let number = snapshots.length + 1; ; number++) {
    const name = `State ${number}`
    if (!names.has(name)) return name
  }
}
