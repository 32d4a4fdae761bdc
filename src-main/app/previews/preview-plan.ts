import { randomUUID } from 'node:crypto'
import type { TaskOf } from '../../contract/protocol/compute-tasks'
import { mergeOfVariant, mergeText, readMergeText, withMerge } from '../../contract/document/merge-settings'
import { takingPart, type ModelEntry, type Project } from '../../contract/document/project'
import { EMPTY_BOOK, styledPrompt, styleInUse } from '../../contract/document/prompt-styles'
import { FusionError } from '../../contract/errors'
import type { Drawing, Picture, PictureRun, PictureSettings } from '../../contract/preview'
import { MOST_PICTURES } from '../../contract/values/limits'
import type { Seed } from '../../contract/values/seed'
import type { Variant } from '../../contract/values/variant'
import { distinctBy } from '../../contract/values/distinct-by'
import { mergedModel, modelNamed, pictureSources, plainModel, type PreviewModel } from './preview-models'

/** A picture before it is made. */
export type PlannedPicture = Omit<Picture, 'time' | 'width' | 'height' | 'url' | 'job'>

export interface PreviewPlan {
  models: PreviewModel[]
  pictures: TaskOf<'preview'>['pictures']
  /** By id. */
  planned: Map<string, PlannedPicture>
  run: Omit<PictureRun, 'id' | 'time'>
  /** Equal for plans of equal pictures. */
  key: string
}

export interface PreviewPlaces {
  /** Folder of merged previews. */
  merges: string
  /** Where a picture goes. */
  pictureFile(id: string): string
  /** The newest merge of the project's models in the history that is another than the one that is given. */
  lastOtherMerge(merge: string, project: Project): string | null
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
  const { seeds, negativePrompt, steps, guidance, scheduler } = project.preview
  const prompts = drawnPrompts(project)
  checkPictureCount(prompts.length * seeds.length * variants.length)
  const models: PreviewModel[] = []
  const pictures: PreviewPlan['pictures'] = []
  const planned: PreviewPlan['planned'] = new Map()
  for (const variant of variants) {
    const merge = mergeOf(project, variant, places)
    if (merge !== null) await places.checkMerge(merge)
    const model = await (merge ? mergedModel(merge, places.merges) : plainModel(project, entryOf(project, variant)))
    const sources = await pictureSources(merge ? takingPart(merge.models) : modelsDrawnBy(project, variant))
    models.push(model)
    for (const prompt of prompts) {
      for (const seed of seeds) {
        const id = randomUUID()
        const settings: PictureSettings = { variant, prompt, negativePrompt, seed, steps, guidance, scheduler }
        pictures.push({ ...settings, id, model: model.key, file: places.pictureFile(id) })
        planned.set(id, { id, settings, merge: merge === null ? null : mergeText(merge), sources, cell: null })
      }
    }
  }
  const drawn = { prompts: [...prompts], seeds: [...seeds], negativePrompt, steps, guidance, scheduler }
  const run = {
    sources: distinct(planned),
    variants: [...variants],
    prompts: drawn.prompts,
    seeds: drawn.seeds,
    grid: null,
    asked: askedOf(project, { variants: [...variants] }),
  }
  return { models, pictures, planned, run, key: JSON.stringify([models.map(({ key }) => key), variants, drawn]) }
}

/** What a run is drawn from, so that it can be drawn again: of the prompt book, the style that is in use. */
export function askedOf(project: Project, change: Partial<Drawing>): PictureRun['asked'] {
  const { rollsSeeds: _rollsSeeds, grid: _grid, variants: _variants, book: _book, ...drawing } = project.preview
  const style = styleInUse(project.preview)
  const book = style && { ...EMPTY_BOOK, styles: [style], style: style.name }
  return { merge: mergeText(project), drawing: { ...drawing, ...(book && { book }), ...change } }
}

/** With what styles add. @throws FusionError 'validation' where there is none */
function drawnPrompts({ preview }: Project): string[] {
  if (preview.prompts.length > 0) return preview.prompts.map((prompt) => styledPrompt(prompt, preview))
  throw new FusionError('validation', 'There is no prompt.', { hint: 'Write at least one.' })
}

/** @throws FusionError 'validation' */
export function checkPictureCount(count: number): void {
  if (count <= MOST_PICTURES) return
  throw new FusionError('validation', `These are ${count} pictures; at most ${MOST_PICTURES} are made at once.`)
}

/** Every model that planned pictures are of, base first. */
export function distinct(planned: ReadonlyMap<string, PlannedPicture>): PlannedPicture['sources'] {
  const sources = [...planned.values()].flatMap((picture) => picture.sources)
  return distinctBy(sources, ({ path }) => path)
}

function entryOf(project: Project, variant: Variant): ModelEntry {
  return variant.type === 'model' ? modelNamed(project, variant.name) : project.models[0]!
}

/** The base, and the model that draws where it is another one. */
export function modelsDrawnBy(project: Project, variant: Variant): ModelEntry[] {
  return [...new Set([project.models[0]!, entryOf(project, variant)])]
}

function mergeOf(project: Project, variant: Variant, places: PreviewPlaces): Project | null {
  if (variant.type === 'without' || variant.type === 'with') modelNamed(project, variant.name)
  if (variant.type !== 'last-merge') return mergeOfVariant(project, variant)
  const last = readMergeText(places.lastOtherMerge(mergeText(project), project) ?? '')
  if (last) return withMerge(project, last)
  throw new FusionError('validation', 'There is no earlier merge to compare with.', {
    hint: 'It is there after a preview with other settings.',
  })
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
  const { seeds, negativePrompt, steps, guidance, scheduler } = project.preview
  const prompts = drawnPrompts(project)
  const model = await mergedModel(project, merges)
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
