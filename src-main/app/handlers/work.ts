import { statfs } from 'node:fs/promises'
import { freemem } from 'node:os'
import { dirname, join } from 'node:path'
import { FusionError } from '../../contract/errors'
import type { LayerSummary } from '../../contract/inspect'
import { outputName } from '../../contract/output-name'
import { openCheckpoint } from '../../engine/checkpoint/open'
import { suggestWeights } from '../../engine/inspect/suggest-weights'
import { exportKind } from '../../engine/merge/plan/export-target'
import { isFolderLayout } from '../../engine/merge/plan/output-files'
import { checkAgreed } from '../files/agreed-target'
import { PICTURES_URL, TILES_URL } from '../files/interface-files'
import { readPngSettings } from '../previews/png-settings'
import { planPreview } from '../previews/preview-plan'
import type { Studio } from '../studio'
import type { Group, Handlers } from './handlers'

type WorkCommands = Group<'jobs'> | Group<'inspect'> | Group<'preview'> | Group<'export'>

/** Everything that runs in the compute process, and what becomes of it. */
export function workHandlers(studio: Studio): Handlers<WorkCommands> {
  return { ...jobHandlers(studio), ...inspectHandlers(studio), ...previewHandlers(studio), ...exportHandlers(studio) }
}

function jobHandlers({ queue }: Studio): Handlers<Group<'jobs'>> {
  return {
    'jobs.list': () => ({ jobs: queue.list() }),
    'jobs.cancel': ({ id }) => {
      queue.cancel(id)
      return {}
    },
    'jobs.dismiss': ({ id }) => {
      queue.dismiss(id)
      return {}
    },
  }
}

function inspectHandlers(studio: Studio): Handlers<Group<'inspect'>> {
  const { queue, work, events } = studio
  interface Inspected {
    job: string | null
    /** Names, base first. */
    models: string[]
    rows: LayerSummary[]
    complete: boolean
  }
  let inspected: Inspected = { job: null, models: [], rows: [], complete: false }
  return {
    'inspect.start': async () => {
      const project = await studio.readableProject()
      queue.cancelAll('inspect')
      const names = project.models.filter(({ enabled }, index) => index === 0 || enabled).map(({ name }) => name)
      const started = work.start(
        'inspect',
        `Inspect ${names.length} models`,
        async () => ({ type: 'inspect', project, provider: await studio.provider() }),
        ({ news, job }) => {
          if (news.type !== 'rows') return
          if (inspected.job === job) {
            inspected.rows.push(...news.rows)
            inspected.complete = news.last
          }
          events.emit({ type: 'inspect-rows', job, rows: news.rows })
        },
      )
      inspected = { job: started.job.id, models: names, rows: [], complete: false }
      return started
    },
    'inspect.rows': () => inspected,
    'inspect.suggestions': () => {
      const { models, rows, complete } = inspected
      return { advice: complete ? suggestWeights(models, rows, studio.projectWithModels().models) : [] }
    },
    'inspect.matrix': async ({ layer, matrix }) => {
      const project = await studio.readableProject()
      queue.cancelAll('matrix')
      return work.start(
        'matrix',
        `${matrix} of ${layer}`,
        async (id) => ({
          type: 'matrix',
          project,
          provider: await studio.provider(),
          layer,
          matrix,
          folder: join(studio.cache.tiles, id),
          url: `${TILES_URL}${id}`,
        }),
        ({ news, job }) => {
          if (news.type === 'matrix-draft') events.emit({ ...news, job })
        },
      )
    },
  }
}

function previewHandlers(studio: Studio): Handlers<Group<'preview'>> {
  const { work, events, history, host, log } = studio
  return {
    'preview.run': async ({ variants }) => {
      const project = await studio.readableProject()
      const { models, pictures, planned } = await planPreview(project, variants, {
        merges: studio.cache.merges,
        pictureFile: (id) => history.file(id),
        lastOtherMerge: (merge) => history.lastOtherMerge(merge),
        checkMerge: studio.checkMerge,
      })
      return work.start(
        'preview',
        `Preview ${pictures.length} pictures`,
        async () => ({
          type: 'preview',
          models,
          pictures,
          device: await studio.device(),
          cacheFolder: studio.cache.folder,
        }),
        ({ news, job }) => {
          const known = news.type === 'picture' && planned.get(news.id)
          if (!known) return
          const { width, height } = news
          const picture = { ...known, job, time: Date.now(), width, height, url: `${PICTURES_URL}${known.id}.png` }
          history.add(picture).then(
            () => events.emit({ type: 'picture', picture }),
            (error: unknown) => log.add('error', `A picture could not be kept: ${String(error)}`),
          )
        },
      )
    },
    'preview.live': ({ on }) => studio.live.set(on),
    'preview.history': ({ before, limit }) => ({ pictures: history.list(before, limit) }),
    'preview.forget': async ({ ids }) => {
      await history.forget(ids)
      return {}
    },
    'preview.saveAs': async ({ id, path, overwrite }) => {
      const { data } = studio.project.state.project.evaluation
      await history.saveAs(id, await host.access.checkTarget(path), overwrite, data === null ? [] : [data])
      return {}
    },
    'preview.readPng': ({ base64 }) => ({ settings: readPngSettings(Buffer.from(base64, 'base64')) }),
  }
}

function exportHandlers(studio: Studio): Handlers<Group<'export'>> {
  const { queue, work, compute, host } = studio
  /** null where nothing may be written. */
  const freeSpaceAt = async (path: string | undefined): Promise<number | null> => {
    if (path === undefined) return null
    return host.access.checkTarget(path).then(
      (target) => freeDisk(dirname(target)),
      () => null,
    )
  }
  return {
    'export.forecast': async () => {
      const project = await studio.readableProject()
      const { forecast } = await queue.between(async () =>
        compute.run({
          type: 'forecast',
          project,
          provider: await studio.provider(),
          cacheFolder: studio.cache.folder,
        }),
      )
      const freeDiskBytes = await freeSpaceAt(project.output.path)
      return { ...forecast, freeDiskBytes, freeMemoryBytes: freemem() }
    },
    'export.start': async ({ path, overwrite }) => {
      const project = await studio.readableProject()
      const base = await openCheckpoint(project.models[0]!.path)
      const isFolder = isFolderLayout(base, project.output.layout)
      const target = await host.access.checkTarget(outputName(path, isFolder))
      if (queue.list().some((job) => job.kind === 'export' && job.endedAt === null && job.title === titleOf(target))) {
        throw new FusionError('target', `${target} is being written already.`)
      }
      await checkAgreed(target, exportKind(isFolder), overwrite)
      return work.start('export', titleOf(target), async () => ({
        type: 'export',
        project,
        provider: await studio.provider(),
        path: target,
        overwrite,
        cacheFolder: studio.cache.folder,
      }))
    },
  }
}

function titleOf(path: string): string {
  return `Export to ${path}`
}

/** null where there is no such folder. */
async function freeDisk(folder: string): Promise<number | null> {
  return statfs(folder).then(
    ({ bavail, bsize }) => bavail * bsize,
    () => null,
  )
}
