import type { Studio } from '../studio'
import type { Group, Handlers } from './handlers'

export function logHandlers({ log }: Studio): Handlers<Group<'log'>> {
  return {
    'log.add': ({ message, detail }) => {
      log.add('error', message, detail)
      return {}
    },
    'log.read': ({ limit }) => ({ entries: log.read(limit) }),
  }
}
