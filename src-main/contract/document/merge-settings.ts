import { z } from 'zod'
import { describedMethod } from '../methods/index'
import { activeParameters, parameterValue } from '../methods/settings'
import { parseJson } from '../values/json-text'
import type { Variant } from '../values/variant'
import {
  methodSchema,
  modelSchema,
  outputSchema,
  projectSchema,
  takingPart,
  withModel,
  withReading,
  type ModelEntry,
  type Project,
} from './project'

/** What decides the weights of a merge, of a project: kept with every picture that a merge drew. */
export const mergeSettingsSchema = z.object({
  models: z.array(modelSchema),
  prediction: projectSchema.shape.prediction,
  ema: projectSchema.shape.ema,
  method: methodSchema,
  output: outputSchema.pick({ include: true, vae: true, dtype: true }),
})
export type MergeSettings = z.infer<typeof mergeSettingsSchema>

/** The merge's settings as text, without what the files are: equal for equal merges, however projects are saved. */
export function mergeText({ models, prediction, ema, method, output: { include, vae, dtype } }: MergeSettings): string {
  const output = { include, ...(vae !== undefined && { vae }), dtype }
  return JSON.stringify({ models: models.map(({ sha256: _hash, ...model }) => model), prediction, ema, method, output })
}

/** The settings that mergeText wrote; null for anything else. */
export function readMergeText(text: string): MergeSettings | null {
  return mergeSettingsSchema.safeParse(parseJson(text)).data ?? null
}

/** The project with the weights, the method and the parts of a merge. */
export function withMerge(project: Project, merge: MergeSettings): Project {
  const { models, prediction = null, ema = null, method, output } = merge
  const { vae: _vae, ...rest } = project.output
  return { ...withReading(project, { prediction, ema }), models, method, output: { ...rest, ...output } }
}

/**
 * A key that is equal for merges of equal weights: names, dropped models, parameters that do not count, and contributions
 * that are kept (they change how a merge is computed, not what it is) are left out.
 */
export function weightsKey({ models, prediction, ema, method, output }: MergeSettings): string {
  const taking = takingPart(models)
  const parameters = activeParameters(describedMethod(method.name), method)
  return JSON.stringify([
    taking.map(({ path, weight, blocks, layers, strengths }) => [
      path,
      weight,
      sorted(blocks),
      layers,
      strengths ?? null,
    ]),
    [prediction ?? null, ema ?? null],
    [method.name, parameters.map((parameter) => [parameter.key, parameterValue(parameter, method)])],
    [method.align, method.layerKinds, method.calibration ?? null, method.gains],
    [[...output.include].sort(), output.vae ?? null, output.dtype],
  ])
}

/** The merge that a variant of a project is; null for what is no merge, or is one of before. */
export function mergeOfVariant(project: Project, variant: Variant): Project | null {
  switch (variant.type) {
    case 'base':
    case 'model':
    case 'last-merge':
      return null
    case 'merge':
      return project
    case 'soup':
      return plainAverage(project)
    case 'without':
      return withModel(project, variant.name, { enabled: false })
    case 'with':
      return withModel(project, variant.name, { enabled: true })
  }
}

/** The merge as its method makes it. */
export function withoutGains(project: Project): Project {
  return { ...project, method: { ...project.method, gains: [] } }
}

/** All models that take part, in equal parts. */
export function plainAverage(project: Project): Project {
  const models = project.models.map((model) => ({ ...model, weight: 1, blocks: {}, layers: [] }))
  return { ...project, models, method: { ...project.method, name: 'soup', gains: [] } }
}

function sorted(blocks: ModelEntry['blocks']): [string, number][] {
  return Object.entries(blocks).sort(([a], [b]) => (a < b ? -1 : 1))
}
