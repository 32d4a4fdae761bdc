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
