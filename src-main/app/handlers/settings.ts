import type { Studio } from '../studio'
import type { Group, Handlers } from './handlers'

export function settingsHandlers({ host, settings }: Studio): Handlers<Group<'settings'>> {
  return {
    'settings.get': () => settings.value,
    'settings.set': async ({ cacheFolder, modelFolders, theme, device, cacheLimitBytes }) =>
      settings.set({
        ...(theme !== undefined && { theme }),
        ...(device !== undefined && { device }),
        ...(cacheLimitBytes !== undefined && { cacheLimitBytes }),
        ...(cacheFolder !== undefined && {
          cacheFolder: cacheFolder === null ? null : await host.access.checkFolder(cacheFolder),
        }),
        ...(modelFolders && { modelFolders: await Promise.all(modelFolders.map((path) => host.access.check(path))) }),
      }),
  }
}
