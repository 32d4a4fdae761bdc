import type { Studio } from '../studio'
import type { Group, Handlers } from './handlers'

export function jobHandlers({ queue }: Studio): Handlers<Group<'jobs'>> {
  return {
    'jobs.list': () => ({ jobs: queue.list() }),
    'jobs.cancel': ({ id }) => {
      queue.cancel(id)
      return {}
    },
    'jobs.pause': ({ paused }) => queue.pause(paused),
    'jobs.move': ({ id, to }) => queue.move(id, to),
    'jobs.dismiss': ({ id }) => {
      queue.dismiss(id)
      return {}
    },
  }
}
