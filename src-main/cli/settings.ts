import { join } from 'node:path'
import { unlimitedAccess } from '../app/files/path-access'
import { SettingsStore } from '../app/settings'
import { isThere } from '../engine/files/reading/regular-file'
import { hubCacheFolder } from '../engine/library/program-folders'
import { dataFolder } from './folders'
import { say } from './output/output'

/** The settings that the window has, too. */
export function openSettings(): Promise<SettingsStore> {
  const options = { access: unlimitedAccess([]), warn: say }
  return SettingsStore.open(join(dataFolder(), 'settings.json'), () => {}, options)
}

/** The library's folders: those of the settings, and Hugging Face's cache where there is one. */
export async function libraryFolders(): Promise<string[]> {
  const { modelFolders } = (await openSettings()).value
  const hub = hubCacheFolder()
  return [...modelFolders, ...(isThere(hub) && !modelFolders.includes(hub) ? [hub] : [])]
}
