import { basename } from 'node:path'
import { z } from 'zod'
import { mergeText, readMergeText } from '../../contract/document/merge-settings'
import { methodSchema, modelSchema, outputSchema, projectSchema, type Project } from '../../contract/document/project'
import { methodWords } from '../../contract/methods/words'
import type { PictureSource } from '../../contract/preview'
import { parseJson } from '../../contract/values/json-text'
import { shortHash } from '../../engine/checkpoint/hash'
import type { PlannedPicture, PreviewPlan } from './preview-plan'

/** What a PNG says of the merge that drew it: no path of this machine, models by their names and hashes. */
const pictureMergeSchema = z.object({
  format: z.literal('featurefusion-picture'),
  version: z.literal(1),
  models: z.array(
    modelSchema
      .omit({ path: true, sha256: true })
      .extend({ file: z.string().max(500), sha256: z.string().max(200).nullable() }),
  ),
  prediction: projectSchema.shape.prediction,
  ema: projectSchema.shape.ema,
  method: methodSchema.omit({ calibration: true }),
  output: outputSchema.pick({ include: true, dtype: true }),
})

/** What a picture's PNG says of its weights: settings as the field's programs write them, and the merge as JSON. */
export interface PictureOrigin {
  settings: Record<string, string>
  merge: string | null
}

/** @param hashes of models, by path, as far as they are known */
export function originOf(
  { settings: { variant }, merge, sources }: PlannedPicture,
  hashes: ReadonlyMap<string, string>,
  version: string,
): PictureOrigin {
  const program = { Version: `FeatureFusion Studio ${version}` }
  const made = merge === null ? null : readMergeText(merge)
  if (!made) {
    const drawn = sources.find(({ name }) => variant.type === 'model' && name === variant.name) ?? sources[0]!
    return { settings: { ...modelSettings(drawn, hashes), ...program }, merge: null }
  }
  const { models, method, output, prediction, ema } = made
  const named = sources.flatMap(({ name, path }) => {
    const sha256 = hashes.get(path)
    return sha256 === undefined ? [] : [[name, shortHash(sha256)]]
  })
  const { calibration: _calibration, ...told } = method
  const text = {
    ...{ format: 'featurefusion-picture', version: 1, prediction, ema, method: told },
    models: models.map(({ path, sha256: _sha256, ...model }) => ({
      ...model,
      file: basename(path),
      sha256: hashes.get(path) ?? null,
    })),
    output: { include: output.include, dtype: output.dtype },
  }
  return {
    settings: {
      Model: `${methodWords(method)}: ${sources.map(({ name }) => name).join(' + ')}`,
      ...(named.length > 0 && { Hashes: JSON.stringify(Object.fromEntries(named)) }),
      ...program,
    },
    merge: JSON.stringify(text),
  }
}

/**
 * Pictures to draw, each with what its PNG will say.
 * @param hashes of models, by path, as far as they are known
 */
export function withOrigins(
  pictures: PreviewPlan['pictures'],
  planned: PreviewPlan['planned'],
  hashes: ReadonlyMap<string, string>,
  version: string,
): PreviewPlan['pictures'] {
  return pictures.map((picture) => ({ ...picture, origin: originOf(planned.get(picture.id)!, hashes, version) }))
}

function modelSettings({ name, path }: PictureSource, hashes: ReadonlyMap<string, string>): Record<string, string> {
  const sha256 = hashes.get(path)
  return { ...(sha256 !== undefined && { 'Model hash': shortHash(sha256) }), Model: name }
}

/**
 * The merge that a PNG's text tells, of a project's models: found by their hashes, else by their names.
 * @param hashes of the project's models, by path
 * @returns null for no such text, or where the base is not in the project; `missing`: names of other models that are not
 */
export function mergeOfText(
  text: string | undefined,
  project: Project,
  hashes: ReadonlyMap<string, string>,
): { merge: string | null; missing: string[] } {
  const told = text === undefined ? null : parsed(text)
  if (!told) return { merge: null, missing: [] }
  const missing: string[] = []
  const models = told.models.flatMap(({ file: _file, sha256, ...model }) => {
    const found =
      project.models.find(({ path }) => sha256 !== null && hashes.get(path) === sha256) ??
      project.models.find(({ name, path }) => name === model.name && (sha256 === null || !hashes.has(path)))
    if (!found) missing.push(model.name)
    return found ? [modelSchema.parse({ ...model, name: found.name, path: found.path })] : []
  })
  const isOfBase = !missing.includes(told.models[0]?.name ?? '') && models[0]?.path === project.models[0]?.path
  const { prediction, ema, method, output } = told
  return { merge: isOfBase ? mergeText({ models, prediction, ema, method, output }) : null, missing }
}

function parsed(text: string): z.infer<typeof pictureMergeSchema> | null {
  return pictureMergeSchema.safeParse(parseJson(text)).data ?? null
}
