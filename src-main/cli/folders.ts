import { homedir } from 'node:os'
import { join } from 'node:path'

/** The program's cache: hashes, contributions, pictures. FEATUREFUSION_CACHE names another folder. */
export function cacheFolder(): string {
  const own = process.env['FEATUREFUSION_CACHE']
  if (own !== undefined && own !== '') return own
  const base =
    process.platform === 'win32'
      ? (process.env['LOCALAPPDATA'] ?? join(homedir(), 'AppData', 'Local'))
      : process.platform === 'darwin'
        ? join(homedir(), 'Library', 'Caches')
        : (process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'))
  return join(base, 'featurefusion-studio')
}

/** What the program keeps for a person: project, settings, pictures, log. FEATUREFUSION_DATA names another folder. */
export function dataFolder(): string {
  const own = process.env['FEATUREFUSION_DATA']
  if (own !== undefined && own !== '') return own
  const base =
    process.platform === 'win32'
      ? (process.env['APPDATA'] ?? join(homedir(), 'AppData', 'Roaming'))
      : process.platform === 'darwin'
        ? join(homedir(), 'Library', 'Application Support')
        : (process.env['XDG_CONFIG_HOME'] ?? join(homedir(), '.config'))
  return join(base, 'featurefusion-studio')
}
