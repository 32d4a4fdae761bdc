import { hasModelsOf } from './names/model-identity'
import { takingPart, type Project } from './project'

/** What an export is of: whether it still is what the project says, and of the same models at all. */
export interface ExportKey {
  /** Paths of the models that take part, base first. */
  models: string[]
  /** Equal for projects whose exports are equal, metadata included; where they are written does not count. */
  merge: string
}

export function exportKey({ models, prediction, ema, method, output }: Project): ExportKey {
  const taking = takingPart(models)
  const { path: _path, ...written } = output
  return {
    models: taking.map(({ path }) => path),
    merge: textOf([
      taking.map(({ sha256: _sha256, enabled: _enabled, ...model }) => model),
      [prediction ?? null, ema ?? null, method, written],
    ]),
  }
}

/** Whether an export says something about a project, by the paths of its models. */
export function isOfModels(exported: readonly string[], { models }: Pick<Project, 'models'>): boolean {
  const own = models.map(({ path }) => path)
  return hasModelsOf(exported, own, (one, other) => one === other)
}

/** JSON that does not depend on the order in which an object got its entries. */
function textOf(value: unknown): string {
  return JSON.stringify(value, (_key, one: unknown) =>
    one !== null && typeof one === 'object' && !Array.isArray(one)
      ? Object.fromEntries(Object.entries(one).sort(([a], [b]) => (a < b ? -1 : 1)))
      : one,
  )
}
