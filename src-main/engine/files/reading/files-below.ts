import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { unreadable } from './file-errors'
import { requireOwn } from './links'

/**
 * All files below a folder, links followed where they may lead (requireOwn); hidden ones left out.
 * @returns sorted
 * @throws FusionError 'not-found', 'unreadable'; 'validation' for a link that leads elsewhere
 */
export async function filesBelow(folder: string): Promise<string[]> {
  return (await found(folder, folder, [])).sort((a, b) => (a < b ? -1 : 1))
}

async function found(folder: string, root: string, above: readonly string[]): Promise<string[]> {
  const names = await readdir(folder).catch((cause: unknown) => {
    throw unreadable(folder, cause)
  })
  const files: string[] = []
  for (const name of names.filter((each) => !each.startsWith('.'))) {
    const path = join(folder, name)
    requireOwn(path, root, 'read')
    const entry = await stat(path).catch((cause: unknown) => {
      throw unreadable(path, cause)
    })
    if (!entry.isDirectory()) files.push(path)
    // A link to a folder above would have no end.
    else if (!above.includes(`${entry.dev}:${entry.ino}`))
      files.push(...(await found(path, root, [...above, `${entry.dev}:${entry.ino}`])))
  }
  return files
}
