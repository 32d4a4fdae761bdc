import { open, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { makeFolder } from './make-folder'
import { PRIVATE, type Permissions } from './permissions'
import { temporaryName } from './temporary-name'
import { removeAbandoned } from './writers'

let writes = 0
/** Folders from which this process has removed what dead ones left. */
const cleaned = new Set<string>()

/**
 * Writes a file of the program's own (settings, caches; for nobody else to read, if not said otherwise) under a temporary name beside its own
 * and renames it: a reader sees the old contents or the new ones, never a part, and a link at the name is replaced, not
 * followed. Of several writes at once, of any process, the last one stays. What a person names as a target is written by
 * `writeOutput`.
 * @throws the file system's own error; then nothing is left behind
 */
export async function writeWhole(
  path: string,
  data: string | Uint8Array,
  permissions: Permissions = PRIVATE,
): Promise<void> {
  const folder = dirname(path)
  makeFolder(folder, permissions.folder)
  if (!cleaned.has(folder)) {
    cleaned.add(folder)
    await removeAbandoned(folder)
  }
  const temporary = join(folder, temporaryName(basename(path), writes++))
  try {
    // 'wx' creates the file or fails: nothing that is there, no link either, is written to.
    const handle = await open(temporary, 'wx', permissions.file)
    await handle.writeFile(data).finally(() => handle.close())
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {})
    throw error
  }
}
