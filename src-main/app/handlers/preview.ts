import { ENDINGS, targetName } from '../../contract/document/names/file-names'
import { toErrorReport } from '../../contract/errors'
import { readMergeOfPng } from '../../engine/image/png'
import { PICTURES_URL } from '../files/interface-files'
import { checkNamedTarget } from '../files/path-access'
import { knownModelHashes } from '../models/model-hash'
import { mergeOfText } from '../previews/picture-text'
import { readPngSettings } from '../previews/png-settings'
import { currentSources } from '../previews/preview-models'
import { previewPlaces } from '../previews/preview-places'
import { planGrid } from '../previews/grid-plan'
import { drawingProblem } from '../previews/drawing-problem'
import { scorePictures } from '../previews/picture-scoring'
import { planPreview } from '../previews/preview-plan'
import type { Studio } from '../studio'
import type { Group, Handlers } from './handlers'

export function previewHandlers(studio: Studio): Handlers<Group<'preview'>> {
  const { history, host, drawings } = studio
  const places = previewPlaces(studio)

  return {
    'preview.run': async ({ variants }) => {
      const project = await studio.readableProject()
      const plan = await planPreview(project, variants, places)
      return drawings.start(plan, `Preview ${plan.pictures.length} pictures`, project)
    },
    'preview.grid': async ({ grid }) => {
      const project = await studio.readableProject()
      const plan = await planGrid(project, grid, places)
      return drawings.start(plan, `Grid of ${plan.pictures.length} pictures`, project)
    },
    'preview.gridForecast': async ({ grid }) => {
      try {
        const plan = await planGrid(await studio.readableProject(), grid, places)
        const seconds = await drawings.forecast(plan)
        return { cells: plan.pictures.length, merges: plan.models.length, seconds, problem: null }
      } catch (error) {
        return { cells: 0, merges: 0, seconds: null, problem: toErrorReport(error) }
      }
    },
    'preview.gridSheet': async ({ run }) => {
      const id = await drawings.sheet(run)
      return { id, url: `${PICTURES_URL}${id}.png` }
    },
    'preview.check': async () => ({ problem: await studio.readableProject().then(drawingProblem, () => null) }),
    'preview.live': ({ on }) => studio.live.set(on),
    'preview.history': async ({ before, limit }) => {
      const models = await currentSources(studio.project.state.project.models)
      return { pictures: history.list(before, limit, models), runs: history.runsOf(models) }
    },
    'preview.score': ({ scorer, ids }) => scorePictures(studio, scorer, ids),
    'preview.forget': async ({ ids }) => {
      await history.forget(ids)
      return {}
    },
    'preview.saveAs': async ({ id, path, overwrite }) => {
      const { data } = studio.project.state.project.evaluation
      const target = await checkNamedTarget(host.access, path, (given) => targetName(given, ENDINGS.picture))
      await history.saveAs(id, target, overwrite, data === null ? [] : [data])
      return {}
    },
    'preview.readPng': async ({ base64 }) => {
      const bytes = Buffer.from(base64, 'base64')
      const settings = readPngSettings(bytes)
      if (!settings) return { settings: null }
      const { project } = studio.project.state
      const paths = project.models.map(({ path }) => path)
      const hashes = await knownModelHashes(paths, studio.cache.folder)
      return { settings: { ...settings, ...mergeOfText(readMergeOfPng(bytes), project, hashes) } }
    },
  }
}
