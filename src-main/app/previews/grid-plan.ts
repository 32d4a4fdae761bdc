import { randomUUID } from 'node:crypto'
import { mergeText } from '../../contract/document/merge-settings'
import { takingPart, type Project } from '../../contract/document/project'
import type { Grid } from '../../contract/grid/grid'
import { reweightingOf } from '../../contract/methods/descriptor'
import { describedMethod } from '../../contract/methods/index'
import { gridCells, type GridCell } from '../../contract/grid/grid-cells'
import type { PictureSettings } from '../../contract/preview'
import { filesBehindModel } from '../../engine/merge/open-model'
import { remembering } from '../models/remembering'
import { mergedModel, plainModel, pictureSources, type FilesOf, type PreviewModel } from './preview-models'
import {
  askedOf,
  checkPictureCount,
  distinct,
  modelsDrawnBy,
  type PreviewPlaces,
  type PreviewPlan,
} from './preview-plan'

/** As many merges are made as they are exported; of more, what every model contributes is computed once and kept. */
const FEW_MERGES = 2

/**
 * A grid as pictures to draw: every merge once, in an order in which one differs little from the one before.
 * @throws FusionError 'validation' for an axis that the project cannot have
 */
export async function planGrid(
  project: Project,
  grid: Grid,
  places: Pick<PreviewPlaces, 'merges' | 'pictureFile'>,
): Promise<PreviewPlan> {
  const { labels, cells } = gridCells(project, grid)
  checkPictureCount(cells.length)
  const { negativePrompt } = project.preview
  const files = remembering(filesBehindModel)
  const models = new Map<string, PreviewModel>()
  const pictures: PreviewPlan['pictures'] = []
  const planned: PreviewPlan['planned'] = new Map()
  const kept = new Set(cells.map(({ merge }) => merge && mergeText(merge))).size > FEW_MERGES
  for (const asked of cells) {
    const cell = kept && asked.merge ? { ...asked, merge: byContributions(asked.merge) } : asked
    const { merge, variant, drawing, place } = cell
    const text = merge && mergeText(merge)
    const key = text ?? JSON.stringify(variant)
    if (!models.has(key)) models.set(key, await modelOf(cell, places.merges, files))
    const sources = await pictureSources(merge ? takingPart(merge.models) : modelsDrawnBy(cell.project, variant), files)
    const id = randomUUID()
    const settings: PictureSettings = { variant, negativePrompt, ...drawing }
    pictures.push({ ...settings, id, model: models.get(key)!.key, file: places.pictureFile(id) })
    planned.set(id, { id, settings, merge: text, sources, cell: place })
  }
  const run = {
    ...{ sources: distinct(planned), variants: [], grid: labels, asked: askedOf(project, { grid }) },
    prompts: [...new Set(cells.map(({ drawing }) => drawing.prompt))],
    seeds: [...new Set(cells.map(({ drawing }) => drawing.seed))],
  }
  const settings = [...planned.values()].map((picture) => [picture.settings, picture.cell])
  const byKey = new Map([...models.values()].map((model) => [model.key, model]))
  return { models: [...byKey.values()], pictures, planned, run, key: JSON.stringify([[...byKey.keys()], settings]) }
}

function modelOf({ merge, variant, project }: GridCell, merges: string, files: FilesOf): Promise<PreviewModel> {
  if (merge) return mergedModel(merge, merges, files)
  return plainModel(project, modelsDrawnBy(project, variant).at(-1)!, files)
}

/** A merge as live previews make it, where its method has contributions: then other weights cost a sum. */
function byContributions(merge: Project): Project {
  const isKept = reweightingOf(describedMethod(merge.method.name)) === 'contributions'
  return isKept ? { ...merge, method: { ...merge.method, reuse: true } } : merge
}
