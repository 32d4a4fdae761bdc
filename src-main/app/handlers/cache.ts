import type { CommandOutput } from '../../contract/protocol/commands'
import type { Studio } from '../studio'
import type { Group, Handlers } from './handlers'

export function cacheHandlers(studio: Studio): Handlers<Group<'cache'>> {
  const cacheSize = async (): Promise<CommandOutput<'cache.size'>> => {
    const { cache, settings } = studio
    return { folder: cache.folder, bytes: await cache.size(), limitBytes: settings.value.cacheLimitBytes }
  }
  return {
    'cache.size': cacheSize,
    'cache.clear': async () => {
      await studio.cache.clear()
      return cacheSize()
    },
  }
}
