import { join } from 'node:path'
import { isSameModel } from '../../contract/document/names/model-identity'
import { suggestWeights } from '../../engine/inspect/suggest-weights'
import { TILES_URL } from '../files/interface-files'
import type { Studio } from '../studio'
import type { Group, Handlers } from './handlers'

export function inspectHandlers(studio: Studio): Handlers<Group<'inspect'>> {
  const { queue, jobs, events, inspections } = studio
  return {
    'inspect.start': async () => inspections.start(await studio.readableProject()),
    'inspect.rows': () => inspections.of(studio.project.state.project),
    'inspect.suggestions': () => {
      const { project } = studio.project.state
      const { models: inspected, rows, complete } = inspections.of(project)
      // Under the names that they have now.
      const names = inspected.map((one) => project.models.find((model) => isSameModel(model, one))?.name ?? '')
      return { advice: complete ? suggestWeights(names, rows, project.models) : [] }
    },
    'inspect.matrix': async ({ layer, matrix }) => {
      const project = await studio.readableProject()
      queue.cancelAll('matrix')
      return jobs.start({
        kind: 'matrix',
        title: `${matrix} of ${layer}`,
        task: async (id) => ({
          type: 'matrix',
          project,
          provider: await studio.provider(),
          layer,
          matrix,
          folder: join(studio.cache.tiles, id),
          url: `${TILES_URL}${id}`,
        }),
        onEvent({ event, job }) {
          if (event.type === 'matrix-draft') events.emit({ ...event, job })
        },
      })
    },
  }
}
