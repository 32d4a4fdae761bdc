import { ENDINGS, targetName } from '../../contract/document/file-names'
import { join } from 'node:path'
import type { Project } from '../../contract/document/project'
import { FusionError, toErrorReport } from '../../contract/errors'
import type { Job } from '../../contract/jobs'
import type { Picture, PictureRun } from '../../contract/preview'
import { readMergeOfPng } from '../../engine/image/png'
import { PICTURES_URL } from '../files/interface-files'
import { checkNamedTarget } from '../files/path-access'
import type { JobEvent } from '../jobs/compute-jobs'
import { knownModelHashes, soonKnownHashes } from '../models/model-hash'
import { mergeOfText, originOf } from '../previews/picture-text'
import { readPngSettings } from '../previews/png-settings'
import type { CurrentSources } from '../previews/preview-history'
import { pictureSources } from '../previews/preview-models'
import { DrawingSpeeds } from '../previews/drawing-speeds'
import { planGrid } from '../previews/grid-plan'
import { drawingProblem } from '../previews/drawing-problem'
import { planPreview, type PreviewPlaces, type PreviewPlan } from '../previews/preview-plan'
import type { Studio } from '../studio'
import type { Group, Handlers } from './handlers'

/** A run that is being drawn, or waits to be. */
interface DrawnRun {
  key: string
  job: Job
  run: PictureRun
}

export function previewHandlers(studio: Studio): Handlers<Group<'preview'>> {
  const { jobs, events, history, host, log, queue } = studio
  let drawn: DrawnRun[] = []
  const speeds = new DrawingSpeeds(join(history.folder, 'speeds'))
  const places: PreviewPlaces = {
    get merges() {
      return studio.cache.merges
    },
    pictureFile: (id) => history.file(id),
    lastOtherMerge: (merge, { models }) =>
      history.lastOtherMerge(
        merge,
        models.map(({ path }) => path),
      ),
    checkMerge: studio.checkMerge,
  }

  /** Puts planned pictures on the queue, unless the same ones are there. */
  function draw(plan: PreviewPlan, title: string): { job: Job; run: PictureRun; isNew: boolean } {
    const active = new Set(queue.list().flatMap(({ id, endedAt }) => (endedAt === null ? [id] : [])))
    drawn = drawn.filter(({ job }) => active.has(job.id))
    const same = drawn.find(({ key }) => key === plan.key)
    if (same) return { job: queue.list().find(({ id }) => id === same.job.id)!, run: same.run, isNew: false }
    const { job } = jobs.start(
      'preview',
      title,
      () => taskOf(plan),
      (event) => keep(plan, event),
    )
    const run = { ...plan.run, id: job.id, time: Date.now() }
    drawn.push({ key: plan.key, job, run })
    history.addRun(run).catch((error: unknown) => log.add('warning', `A run could not be kept: ${String(error)}`))
    events.emit({ type: 'picture-run', run })
    return { job, run, isNew: true }
  }

  async function taskOf({ models, pictures, planned, run }: PreviewPlan) {
    const { cache, options } = studio
    const hashes = await soonKnownHashes(
      run.sources.map(({ path }) => path),
      cache.folder,
    )
    for (const { sources } of planned.values())
      for (const source of sources) source.sha256 = hashes.get(source.path) ?? null
    return {
      type: 'preview' as const,
      models,
      pictures: pictures.map((picture) => ({
        ...picture,
        origin: originOf(planned.get(picture.id)!, hashes, options.version),
      })),
      device: await studio.device(),
      cacheFolder: cache.folder,
    }
  }

  function keep({ planned, models }: PreviewPlan, { event, job }: JobEvent): void {
    if (event.type === 'drawn') void speeds.note(models[0]!.base, event)
    const known = event.type === 'picture' && planned.get(event.id)
    if (!known) return
    const { width, height } = event
    const picture: Picture = { ...known, job, time: Date.now(), width, height, url: `${PICTURES_URL}${known.id}.png` }
    history.add(picture).then(
      () => events.emit({ type: 'picture', picture }),
      (error: unknown) => log.add('error', `A picture could not be kept: ${String(error)}`),
    )
  }

  /** A grid as one PNG in the folder of the pictures, in place of the one before. */
  async function drawSheet(id: string): Promise<string> {
    const labels = history.run(id)?.grid
    if (!labels) throw new FusionError('not-found', `There is no grid ${id}.`)
    const files = labels.z.map(() => labels.y.map(() => labels.x.map((): string | null => null)))
    const cells = history.list(undefined, Infinity).filter(({ job, cell }) => job === id && cell !== null)
    for (const { id: picture, cell } of cells) files[cell!.z]![cell!.y]![cell!.x] = history.file(picture)
    // Another name for other contents: what has this name never changes.
    const name = `sheet-${id}-${cells.length}`
    const task = { type: 'sheet' as const, labels, files, target: history.file(name) }
    await queue.between(() => studio.compute.run(task))
    history.addSheet(name)
    return name
  }

  /** The project's models as their files are now; those that cannot be opened are left out. */
  async function currentSources({ models }: Project): Promise<CurrentSources> {
    const found = await Promise.all(models.map((model) => pictureSources([model]).catch(() => [])))
    return found.flat()
  }

  return {
    'preview.run': async ({ variants }) => {
      const plan = await planPreview(await studio.readableProject(), variants, places)
      return draw(plan, `Preview ${plan.pictures.length} pictures`)
    },
    'preview.grid': async ({ grid }) => {
      const plan = await planGrid(await studio.readableProject(), grid, places)
      return draw(plan, `Grid of ${plan.pictures.length} pictures`)
    },
    'preview.gridForecast': async ({ grid }) => {
      try {
        const { models, pictures } = await planGrid(await studio.readableProject(), grid, places)
        const work = { merges: models.length, runs: runsOf(pictures) }
        const seconds = await speeds.forecast(models[0]!.base, work)
        return { cells: pictures.length, merges: work.merges, seconds, problem: null }
      } catch (error) {
        return { cells: 0, merges: 0, seconds: null, problem: toErrorReport(error) }
      }
    },
    'preview.gridSheet': async ({ run }) => {
      const id = await drawSheet(run)
      return { id, url: `${PICTURES_URL}${id}.png` }
    },
    'preview.check': async () => ({ problem: await studio.readableProject().then(drawingProblem, () => null) }),
    'preview.live': ({ on }) => studio.live.set(on),
    'preview.history': async ({ before, limit }) => {
      const models = await currentSources(studio.project.state.project)
      return { pictures: history.list(before, limit, models), runs: history.runsOf(models) }
    },
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

/** How often the UNet runs for a picture: twice a step with guidance. */
function runsOf(pictures: PreviewPlan['pictures']): number {
  return pictures.reduce((sum, { steps, guidance }) => sum + steps * (guidance > 1 ? 2 : 1), 0)
}
