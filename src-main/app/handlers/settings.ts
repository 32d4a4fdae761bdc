import type { Studio } from '../studio'
import type { Group, Handlers } from './handlers'

export function settingsHandlers({ host, settings, compute }: Studio): Handlers<Group<'settings'>> {
  return {
    'settings.get': () => settings.value,
    'settings.set': async ({ cacheFolder, modelFolders, theme, device, cacheLimitBytes, ...switches }) => {
      const before = settings.value
      const { lowPriority, notifications, sound, blockPresets, seen } = switches
      const after = await settings.set({
        ...(lowPriority !== undefined && { lowPriority }),
        ...(notifications !== undefined && { notifications }),
        ...(sound !== undefined && { sound }),
        ...(theme !== undefined && { theme }),
        ...(device !== undefined && { device }),
        ...(blockPresets && { blockPresets }),
        ...(seen && { seen }),
        ...(cacheLimitBytes !== undefined && { cacheLimitBytes }),
        ...(cacheFolder !== undefined && {
          cacheFolder: cacheFolder === null ? null : await host.access.checkFolder(cacheFolder),
        }),
        ...(modelFolders && { modelFolders: await Promise.all(modelFolders.map((path) => host.access.check(path))) }),
      })
      if (after.lowPriority !== before.lowPriority) compute.renew()
      return after
    },
  }
}
