import { FusionError } from '../../contract/errors'
import type { Studio } from '../studio'
import type { Group, Handlers } from './handlers'

export function tuneHandlers(studio: Studio): Handlers<Group<'tune'>> {
  const { queue, jobs } = studio
  return {
    'tune.unlearning': async ({ name, losses }) => {
      const project = await studio.readableProject()
      if (!project.models.slice(1).some((model) => model.name === name)) {
        throw new FusionError('validation', `The project has no specialist named ${name}.`)
      }
      const data = losses ? await studio.evaluations.data() : null
      queue.cancelAll('unlearning')
      return jobs.start({
        kind: 'unlearning',
        title: `What dropping ${name} changes`,
        task: async () => ({
          type: 'unlearning',
          project,
          name,
          data,
          device: await studio.device(),
          cacheFolder: studio.cache.folder,
        }),
      })
    },
  }
}
