import { join } from 'node:path'
import type { LayerSummary } from '../../contract/inspect'
import { suggestWeights } from '../../engine/inspect/suggest-weights'
import { TILES_URL } from '../files/interface-files'
import type { Studio } from '../studio'
import type { Group, Handlers } from './handlers'

export function inspectHandlers(studio: Studio): Handlers<Group<'inspect'>> {
  const { queue, jobs, events } = studio
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
      const started = jobs.start(
        'inspect',
        `Inspect ${names.length} models`,
        async () => ({ type: 'inspect', project, provider: await studio.provider() }),
        ({ event, job }) => {
          if (event.type !== 'rows') return
          if (inspected.job === job) {
            inspected.rows.push(...event.rows)
            inspected.complete = event.last
          }
          events.emit({ type: 'inspect-rows', job, rows: event.rows })
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
      return jobs.start(
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
        ({ event, job }) => {
          if (event.type === 'matrix-draft') events.emit({ ...event, job })
        },
      )
    },
  }
}
