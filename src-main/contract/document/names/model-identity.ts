import { z } from 'zod'
import { strengthsSchema, type ModelEntry, type Project } from '../project'

/** Which model a result is of, whatever it is named and weighed in a project. */
export const modelIdentitySchema = z.object({
  name: z.string(),
  path: z.string(),
  /** Where it was known. */
  sha256: z.string().optional(),
  strengths: strengthsSchema.optional(),
})

export type ModelIdentity = z.infer<typeof modelIdentitySchema>

export function identityOf({ name, path, sha256, strengths }: ModelEntry): ModelIdentity {
  return { name, path, ...(sha256 !== undefined && { sha256 }), ...(strengths && { strengths }) }
}

/** Equal content where both hashes are known, else the same path; and of adapters the same strengths. */
export function isSameModel(one: ModelIdentity | ModelEntry, other: ModelIdentity | ModelEntry): boolean {
  const strengths = ({ strengths: own }: ModelIdentity): string =>
    JSON.stringify([own?.unet ?? 1, own?.textEncoder ?? 1])
  return strengths(one) === strengths(other) && isSameFile(one, other)
}

/** The same, of adapters with whatever strengths. */
export function isSameFile(
  one: Pick<ModelIdentity, 'path' | 'sha256'>,
  other: Pick<ModelIdentity, 'path' | 'sha256'>,
): boolean {
  return one.sha256 !== undefined && other.sha256 !== undefined ? one.sha256 === other.sha256 : one.path === other.path
}

/** Whether a result says something about a project, by what its models are. */
export function isAbout(result: readonly ModelIdentity[], models: readonly ModelEntry[]): boolean {
  return hasModelsOf<ModelIdentity>(result, models, isSameModel)
}

/**
 * The rule of what says something about a project: it has the same base, and either all of the project's specialists or
 * no others. What is of other models is of another project.
 */
export function hasModelsOf<Model>(
  result: readonly Model[],
  project: readonly Model[],
  isSame: (one: Model, other: Model) => boolean,
): boolean {
  const [base, ...measured] = result
  const [ownBase, ...own] = project
  if (base === undefined || ownBase === undefined || !isSame(base, ownBase)) return false
  const holds = (all: readonly Model[], some: readonly Model[]): boolean =>
    some.every((one) => all.some((other) => isSame(one, other)))
  return holds(measured, own) || holds(own, measured)
}

/** All that decides what inspected layers are, but the models: weights decide nothing. */
export function inspectionKey({ ema, method, output }: Pick<Project, 'ema' | 'method' | 'output'>): string {
  const { align, layerKinds, statistics, samples, seed, calibration } = method
  const sampled = statistics === 'sampled' ? [samples, seed] : []
  const real = statistics === 'calibrated' ? [calibration] : []
  return JSON.stringify([ema ?? null, align, layerKinds, output.include, statistics, ...sampled, ...real])
}
