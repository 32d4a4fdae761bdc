import { createHash, randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { z } from 'zod'
import type { TaskOf } from '../../contract/compute-tasks'
import { FusionError } from '../../contract/errors'
import { MOST_PICTURES } from '../../contract/values/limits'
import type { Picture, PictureSettings, Variant } from '../../contract/preview'
import {
  methodSchema,
  modelSchema,
  needsCalibration,
  outputSchema,
  projectSchema,
  withModel,
  withReading,
  type Project,
  readingOf,
} from '../../contract/document/project'
import type { Seed } from '../../contract/values/seed'
import { filesOfModel } from '../../engine/merge/open-model'
import { fileState } from '../../engine/files/reading/file-state'

type PreviewTask = TaskOf<'preview'>

/** What decides the weights of a merge: equal for equal merges, however they are named or saved. */
const mergeKeySchema = z.object({
  models: z.array(modelSchema),
  prediction: projectSchema.shape.prediction,
  ema: projectSchema.shape.ema,
  method: methodSchema,
  output: outputSchema.pick({ include: true, vae: true, dtype: true }),
})

/** A picture before it is made. */
export type PlannedPicture = Omit<Picture, 'time' | 'width' | 'height' | 'url' | 'job'>

export interface PreviewPlan {
  models: PreviewTask['models']
  pictures: PreviewTask['pictures']
  /** By id. */
  planned: Map<string, PlannedPicture>
}

export interface PreviewPlaces {
  /** Folder of merged previews. */
  merges: string
  /** Where a picture goes. */
  pictureFile(id: string): string
  /** The newest merge in the history that is another than the one that is given. */
  lastOtherMerge(merge: string): string | null
  /** @throws FusionError 'validation' where a merge would read what may not be read: an earlier one may be of other folders */
  checkMerge(merge: Project): Promise<void>
}

/**
 * Prompts × seeds × variants of a project: ordered by variant, so that every model is loaded once.
 * @throws FusionError 'validation' for a variant that the project does not have, no prompts, or no earlier merge
 */
export async function planPreview(
  project: Project,
  variants: readonly Variant[],
  places: PreviewPlaces,
): Promise<PreviewPlan> {
  const { prompts, seeds, negativePrompt, steps, guidance, scheduler } = project.preview
  if (prompts.length === 0) throw new FusionError('validation', 'There is no prompt.', { hint: 'Write at least one.' })
  const count = prompts.length * seeds.length * variants.length
  if (count > MOST_PICTURES) {
    throw new FusionError('validation', `These are ${count} pictures; at most ${MOST_PICTURES} are made at once.`)
  }
  const plan: PreviewPlan = { models: [], pictures: [], planned: new Map() }
  for (const variant of variants) {
    const merge = mergeOf(project, variant, places)
    if (merge !== null) await places.checkMerge(merge)
    const model = await modelOf(project, variant, merge, places.merges)
    plan.models.push(model)
    for (const prompt of prompts) {
      for (const seed of seeds) {
        const id = randomUUID()
        const settings: PictureSettings = { variant, prompt, negativePrompt, seed, steps, guidance, scheduler }
        plan.pictures.push({ ...settings, id, model: model.key, file: places.pictureFile(id) })
        plan.planned.set(id, { id, settings, merge: merge === null ? null : keyOf(merge) })
      }
    }
  }
  return plan
}

/** Steps of the pictures that come first while somebody moves a slider. */
const DRAFT_STEPS = 8
/** As many as a glance takes in. */
const LIVE_PICTURES = 4

export interface LivePlan {
  /** Changes with everything that the pictures show. */
  key: string
  task: Pick<TaskOf<'live'>, 'model' | 'stages'>
  /** What is drawn, place by place. */
  places: { prompt: string; seed: Seed }[]
}

/**
 * The first prompts and seeds of a project on its merge: with few steps, then with all.
 * @throws FusionError 'validation' without prompts
 */
export async function planLive(
  project: Project,
  { merges, pictureFile }: Pick<PreviewPlaces, 'merges' | 'pictureFile'>,
): Promise<LivePlan> {
  const { prompts, seeds, negativePrompt, steps, guidance, scheduler } = project.preview
  if (prompts.length === 0) throw new FusionError('validation', 'There is no prompt.', { hint: 'Write at least one.' })
  const model = await modelOf(project, { type: 'merge' }, project, merges)
  const places = seeds.flatMap((seed) => prompts.map((prompt) => ({ prompt, seed }))).slice(0, LIVE_PICTURES)
  const pictures = places.map((place) => ({ ...place, negativePrompt, guidance, scheduler, model: model.key }))
  const stageOf = (stepsOfStage: number) =>
    pictures.map((picture, index) => {
      const id = `${index}-${stepsOfStage}`
      return { ...picture, id, steps: stepsOfStage, file: pictureFile(id) }
    })
  const stages = steps > DRAFT_STEPS ? [stageOf(DRAFT_STEPS), stageOf(steps)] : [stageOf(steps)]
  return { key: JSON.stringify([model.key, pictures, steps]), task: { model, stages }, places }
}

/** Where a project's merge lies in the cache, or will lie. */
export async function cachedMerge(project: Project, merges: string): Promise<{ path: string; merge: Project }> {
  const { path, merge } = await modelOf(project, { type: 'merge' }, project, merges)
  return { path, merge: merge! }
}

function mergeOf(project: Project, variant: Variant, places: PreviewPlaces): Project | null {
  switch (variant.type) {
    case 'base':
    case 'model':
      return null
    case 'merge':
      return project
    case 'soup':
      return { ...project, method: { ...project.method, name: 'soup' } }
    case 'without': {
      modelNamed(project, variant.name)
      return withModel(project, variant.name, { enabled: false })
    }
    case 'last-merge': {
      const last = places.lastOtherMerge(keyOf(project))
      if (last === null) {
        throw new FusionError('validation', 'There is no earlier merge to compare with.', {
          hint: 'It is there after a preview with other settings.',
        })
      }
      const { models, prediction = null, ema = null, method, output } = mergeKeySchema.parse(JSON.parse(last))
      return { ...withReading(project, { prediction, ema }), models, method, output: { ...project.output, ...output } }
    }
  }
}

/**
 * A key that changes with any of the models' files: one that was replaced on the disk is another model.
 * @param other another file that counts
 */
async function stateOf(key: string, models: readonly string[], other?: string): Promise<string> {
  const digest = createHash('sha256').update(key)
  const found = other === undefined ? null : await fileState(other).catch(() => null)
  if (found !== null) digest.update(`\n${found}`)
  for (const files of await Promise.all(models.map(filesOfModel)))
    for (const { path, state } of files) digest.update(`\n${path}\n${state}`)
  return digest.digest('hex')
}

async function modelOf(
  project: Project,
  variant: Variant,
  merge: Project | null,
  merges: string,
): Promise<PreviewTask['models'][number]> {
  const base = project.models[0]!.path
  const said = readingOf(project)
  if (merge === null) {
    const path = variant.type === 'model' ? modelNamed(project, variant.name) : base
    return {
      key: await stateOf(JSON.stringify([path, said]), [path, base]),
      path,
      base,
      merge: null,
      ...said,
    }
  }
  const key = await stateOf(
    keyOf(merge),
    merge.models.map((model) => model.path),
    needsCalibration(merge.method) ? merge.method.calibration : undefined,
  )
  return { key, path: join(merges, key), base, merge: notExported(merge), ...said }
}

/** A merge that is only looked at: its place and form are its own; what it is made of is the project's. */
export function notExported(merge: Project): Project {
  const { path: _exportPath, ...output } = merge.output
  return { ...merge, output: { ...output, layout: 'same' } }
}

function modelNamed({ models }: Project, wanted: string): string {
  const model = models.find(({ name }) => name === wanted)
  if (!model) throw new FusionError('validation', `The project has no model named ${wanted}.`)
  return model.path
}

function keyOf({ models, prediction, ema, method, output: { include, vae, dtype } }: Project): string {
  const output = { include, ...(vae !== undefined && { vae }), dtype }
  return JSON.stringify({ models: models.map(({ sha256: _hash, ...model }) => model), prediction, ema, method, output })
}
