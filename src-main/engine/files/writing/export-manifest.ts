import { createHash } from 'node:crypto'
import { lstat, readdir, writeFile } from 'node:fs/promises'
import { isAbsolute, join, relative, sep } from 'node:path'
import { z } from 'zod'
import { openRegularFile, readSmallText } from '../reading/regular-file'
import { SMALL_FILES } from '../reading/small-files'
import type { Standing, TargetKind } from './target'

/** The file by which a folder that this program wrote is known. Hidden: a merge does not copy it from its base. */
export const MANIFEST_NAME = '.featurefusion-export.json'
/** Of a large file the beginning stands for the whole: a header of weights says who wrote them. */
export const LISTED_BYTES = 4 * 1024 * 1024
/** How many things in the way an error names. */
const NAMED = 3
/** What file managers put into every folder that they show. */
const OF_FILE_MANAGERS: ReadonlySet<string> = new Set(['.DS_Store', 'Thumbs.db', 'desktop.ini'])

const fileSchema = z.object({
  bytes: z.number(),
  sha256: z.string(),
  /** Of all data behind the header of a weights file. */
  dataSha256: z.string().optional(),
})
export type FileState = z.infer<typeof fileSchema>
/** The files of an export by their path in it, with '/'; sha256 of their first 4 MiB. */
const manifestSchema = z.object({
  format: z.literal('featurefusion-export'),
  version: z.literal(1),
  files: z.record(
    z.string().refine((name) => !name.split('/').includes('..') && !isAbsolute(name)),
    fileSchema,
  ),
})

/**
 * A folder that this program wrote: it may be replaced while nothing but the files of its export lies in it, as they were
 * written. So may an empty folder, where the user says so.
 */
export const EXPORT_FOLDER: TargetKind = {
  title: 'folder that this program wrote',
  folder: true,
  async compare(folder): Promise<Standing> {
    const entries = (await readdir(folder)).filter((name) => !OF_FILE_MANAGERS.has(name))
    if (entries.length === 0) return { is: 'same-kind' }
    const listed = await readManifest(folder)
    const foreign = listed ? await foreignEntries(folder, '', listed) : entries.sort()
    if (foreign.length === 0) return { is: 'own' }
    const named = foreign.slice(0, NAMED).map((name) => JSON.stringify(name))
    const holds = `it holds ${named.join(', ')}${foreign.length > NAMED ? ' and more' : ''}`
    return {
      is: 'foreign',
      because: `${holds}, which ${listed ? 'its export did not write' : 'no export of this program wrote'}`,
    }
  },
}

/**
 * Writes the list of an export's files into its folder.
 * @param files absolute, all of the folder
 * @param dataSha256 of the data behind the headers of weights files, by path
 * @returns the list's own path
 */
export async function writeManifest(
  folder: string,
  files: readonly string[],
  dataSha256: ReadonlyMap<string, string> = new Map(),
): Promise<string> {
  const states: [string, FileState][] = []
  for (const file of files) {
    const data = dataSha256.get(file)
    const state = { ...(await stateOf(file)), ...(data !== undefined && { dataSha256: data }) }
    states.push([relative(folder, file).split(sep).join('/'), state])
  }
  states.sort(([a], [b]) => (a < b ? -1 : 1))
  const manifest = { format: 'featurefusion-export', version: 1, files: Object.fromEntries(states) }
  const path = join(folder, MANIFEST_NAME)
  await writeFile(path, `${JSON.stringify(manifest, null, 2)}\n`, { flag: 'wx' })
  return path
}

/** How the files of a folder differ from those of its export, each by its path in it. */
export interface ManifestDifferences {
  missing: string[]
  /** Other contents, as far as the list tells: its length, its beginning. */
  changed: string[]
  /** A few of what the export did not write. */
  added: string[]
}

/** Compares a folder with the list in it; null where it has none that can be read. */
export async function compareWithManifest(
  folder: string,
): Promise<{ listed: ReadonlyMap<string, FileState>; differences: ManifestDifferences } | null> {
  const listed = await readManifest(folder)
  if (!listed) return null
  const differences: ManifestDifferences = { missing: [], changed: [], added: [] }
  for (const [name, state] of listed) {
    const found = await stateOf(join(folder, name)).catch(() => null)
    if (!found) differences.missing.push(name)
    else if (!isAsListed(found, state)) differences.changed.push(name)
  }
  const foreign = await foreignEntries(folder, '', listed)
  differences.added = foreign.filter((name) => !listed.has(name))
  return { listed, differences }
}

/** Null where there is none that can be read. */
async function readManifest(folder: string): Promise<ReadonlyMap<string, FileState> | null> {
  try {
    const path = join(folder, MANIFEST_NAME)
    if (!(await lstat(path)).isFile()) return null
    const { files } = manifestSchema.parse(JSON.parse(await readSmallText(path, SMALL_FILES.own)))
    return new Map(Object.entries(files))
  } catch {
    return null
  }
}

/**
 * What lies in a folder of an export, below `inside`, and is not listed or not as it was written; a few of it if there is
 * much. Folders without listed files are named as a whole.
 */
async function foreignEntries(root: string, inside: string, listed: ReadonlyMap<string, FileState>): Promise<string[]> {
  const foreign: string[] = []
  const entries = await readdir(join(root, inside), { withFileTypes: true })
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (foreign.length > NAMED) return foreign
    const path = inside + entry.name
    if (entry.isFile() && (OF_FILE_MANAGERS.has(entry.name) || path === MANIFEST_NAME)) continue
    if (entry.isDirectory()) {
      const hasListed = [...listed.keys()].some((name) => name.startsWith(`${path}/`))
      if (hasListed) foreign.push(...(await foreignEntries(root, `${path}/`, listed)))
      else if ((await readdir(join(root, path))).length > 0) foreign.push(`${path}/`)
    } else if (!entry.isFile() || !isAsListed(await stateOf(join(root, path)), listed.get(path))) {
      foreign.push(path)
    }
  }
  return foreign
}

function isAsListed(state: FileState, listed: FileState | undefined): boolean {
  return state.bytes === listed?.bytes && state.sha256 === listed.sha256
}

async function stateOf(file: string): Promise<FileState> {
  const handle = await openRegularFile(file)
  try {
    const { size: bytes } = await handle.stat()
    const head = Buffer.alloc(Math.min(bytes, LISTED_BYTES))
    const { bytesRead } = await handle.read(head, 0, head.length, 0)
    return { bytes, sha256: createHash('sha256').update(head.subarray(0, bytesRead)).digest('hex') }
  } finally {
    await handle.close()
  }
}
