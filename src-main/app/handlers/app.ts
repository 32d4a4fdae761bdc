import { FusionError } from '../../contract/errors'
import { SCHEDULER_CHOICES } from '../../engine/schedulers/index'
import type { Studio } from '../studio'
import type { Group, Handlers } from './handlers'

/** Pages that the interface may open in the system's browser. */
const EXTERNAL_PAGES = [
  'https://github.com/',
  'https://huggingface.co/',
  'https://arxiv.org/',
  'https://onnxruntime.ai/',
]

export function appHandlers(studio: Studio): Handlers<Group<'app'>> {
  const { host, settings, events, options } = studio
  return {
    'app.snapshot': async () => {
      const recent = await studio.project.recent(studio.mayRead)
      return {
        sequence: events.sequence,
        host: host.kind,
        platform: process.platform,
        version: options.version,
        project: studio.project.state,
        jobs: studio.queue.list(),
        queue: studio.queue.state,
        settings: settings.value,
        compute: studio.compute.state,
        live: studio.live.state,
        recent,
      }
    },
    'app.events': ({ after }) => ({ events: events.since(after) }),
    'app.catalog': () => ({
      schedulers: SCHEDULER_CHOICES.map(({ name, title }) => ({ name, title })),
    }),
    'app.openExternal': async ({ url }) => {
      if (!EXTERNAL_PAGES.some((page) => url.startsWith(page))) {
        throw new FusionError('validation', `${url} is not among the pages that may be opened.`)
      }
      await host.openExternal(url)
      return {}
    },
  }
}
