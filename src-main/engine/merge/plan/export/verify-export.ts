import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { FusionError } from '../../../../contract/errors'
import { RECIPE_KEY } from '../../../checkpoint/describe'
import { hashFile } from '../../../checkpoint/hash'
import { openCheckpoint } from '../../../checkpoint/open'
import { openContainer } from '../../../checkpoint/containers/open-container'
import {
  compareWithManifest,
  LISTED_BYTES,
  type FileState,
  type ManifestDifferences,
} from '../../../files/writing/export-manifest'
import { openRegularFile } from '../../../files/reading/regular-file'
import { throwIfCancelled } from '../../../cancel'
import { readRecipe, recipeSources, type ReadRecipe, type RecipeFile } from '../recipe'
import { DATA_HASH_KEY, METADATA_HASH_KEY, metadataHash, TENSORS_HASH_KEY, tensorsHash } from './seal'

/** true: as it was written; false: it is not; null: nothing says what was written. */
export type Proof = boolean | null

/** What was proven of one weights file. */
export interface VerifiedFile {
  path: string
  sha256: string
  /** Data of all tensors. */
  data: Proof
  /** Names, types, shapes and places of all tensors. */
  names: Proof
  /** Recipe and all other metadata. */
  metadata: Proof
}

/** Where a source of a recipe is. */
export interface VerifiedSource extends RecipeFile {
  foundAt: string | null
  /** A file of that name with other contents, where the source itself was not found. */
  otherAt: string | null
}

export interface ExportVerification {
  files: VerifiedFile[]
  /** How a folder differs from what was written; null for a file, and for a folder without a list of its files. */
  folder: ManifestDifferences | null
  /** Whether this is a folder. */
  isFolder: boolean
  recipe: ReadRecipe | null
  /** Whether all weights files that carry a recipe carry the same. */
  sameRecipe: boolean
  sources: VerifiedSource[]
}

/**
 * Checks an export against what is written in it, and looks for the sources of its recipe. Everything is computed from the
 * files; no cache is read.
 * @param candidates files that may be sources
 * @throws FusionError 'malformed' for a recipe that is none, 'cancelled', and whatever opening a model throws
 */
export async function verifyExport(
  path: string,
  candidates: readonly string[],
  signal: AbortSignal,
): Promise<ExportVerification> {
  const checkpoint = await openCheckpoint(path)
  if (checkpoint.files.length === 0) throw new FusionError('not-found', `${path} has no weights.`)
  const isFolder = (await stat(checkpoint.path)).isDirectory()
  const compared = isFolder ? await compareWithManifest(checkpoint.path) : null
  const listed = new Map([...(compared?.listed ?? [])].map(([name, state]) => [join(checkpoint.path, name), state]))
  const files: VerifiedFile[] = []
  const recipes = new Map<string, ReadRecipe>()
  for (const file of checkpoint.files) {
    const { metadata } = await openContainer(file.path)
    const recipe = readRecipe(file.path, metadata)
    if (recipe) recipes.set(metadata[RECIPE_KEY]!, recipe)
    const changed = compared?.differences.changed.map((name) => join(checkpoint.path, name)).includes(file.path)
    const state = listed.get(file.path)
    files.push(await verifyFile(file.path, state && { ...state, isAsListed: !changed }, signal))
  }
  const recipe = [...recipes.values()][0] ?? null
  return {
    files,
    folder: compared?.differences ?? null,
    isFolder,
    recipe,
    sameRecipe: recipes.size <= 1,
    sources: recipe ? await findSources(recipe, candidates, signal) : [],
  }
}

/** Whether anything is not as it was written. */
export function isTampered({ files, folder, sameRecipe }: ExportVerification): boolean {
  const differs = folder ? folder.missing.length + folder.changed.length + folder.added.length > 0 : false
  return differs || !sameRecipe || files.some(({ data, names, metadata }) => [data, names, metadata].includes(false))
}

/** @param listed what the list of an export's files says of it: proves what copies of the base's files do not say */
async function verifyFile(
  path: string,
  listed: (FileState & { isAsListed: boolean }) | undefined,
  signal: AbortSignal,
): Promise<VerifiedFile> {
  const { metadata, tensors } = await openContainer(path)
  const expected = metadata[DATA_HASH_KEY] ?? (listed?.dataSha256 === undefined ? undefined : `0x${listed.dataSha256}`)
  const proof = (wanted: string | undefined, found: string, otherwise: Proof): Proof =>
    wanted === undefined ? otherwise : wanted === found
  const headerBytes = Math.min(...tensors.map(({ offset }) => offset))
  const header = listed && headerBytes <= LISTED_BYTES ? listed.isAsListed : null
  const data = expected === undefined ? '' : `0x${await dataHash(path, signal)}`
  return {
    path,
    sha256: await hashFile(path, { signal }),
    data: proof(expected, data, null),
    names: proof(metadata[TENSORS_HASH_KEY], tensorsHash(tensors), header),
    metadata: proof(metadata[METADATA_HASH_KEY], metadataHash(metadata), header),
  }
}

/** sha256 of the bytes behind the header. */
async function dataHash(path: string, signal: AbortSignal): Promise<string> {
  const { file, tensors } = await openContainer(path)
  const hash = createHash('sha256')
  const start = Math.min(file.size, ...tensors.map(({ offset }) => offset))
  if (start === file.size) return hash.digest('hex')
  const handle = await openRegularFile(path)
  for await (const chunk of handle.createReadStream({ start })) {
    throwIfCancelled(signal)
    hash.update(chunk as Buffer)
  }
  return hash.digest('hex')
}

async function findSources(
  recipe: ReadRecipe,
  candidates: readonly string[],
  signal: AbortSignal,
): Promise<VerifiedSource[]> {
  const hashes = new Map<string, string>()
  const sources: VerifiedSource[] = []
  for (const source of recipeSources(recipe)) {
    const found: VerifiedSource = { ...source, foundAt: null, otherAt: null }
    for (const path of candidates.filter((candidate) => basename(candidate) === source.name)) {
      if (!hashes.has(path)) hashes.set(path, await hashFile(path, { signal }))
      if (hashes.get(path) === source.sha256) found.foundAt ??= path
      else found.otherAt ??= path
    }
    sources.push({ ...found, otherAt: found.foundAt === null ? found.otherAt : null })
  }
  return sources
}
