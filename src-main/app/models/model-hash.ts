import { createHash } from 'node:crypto'
import { cachedHash, hashFile, type HashOptions } from '../../engine/checkpoint/hash'
import { settingsFilesOf } from '../../engine/checkpoint/settings-files'
import { filesOfModel } from '../../engine/merge/open-model'

/**
 * The one hash of a model: its weights file's sha256; of more files, the sha256 of theirs, one a line, in their order.
 * null while one of them is unknown.
 */
export function modelHash(files: readonly { sha256: string | null }[]): string | null {
  const hashes = files.flatMap(({ sha256 }) => (sha256 === null ? [] : [sha256]))
  if (hashes.length === 0 || hashes.length < files.length) return null
  return hashes.length === 1 ? hashes[0]! : createHash('sha256').update(hashes.join('\n')).digest('hex')
}

/** The one hash of the settings beside some models' weights (settings-files.ts); null where there are none. */
export async function settingsHash(paths: readonly string[], options: HashOptions): Promise<string | null> {
  const hashes: { sha256: string }[] = []
  for (const path of paths)
    for (const file of await settingsFilesOf(path)) hashes.push({ sha256: await hashFile(file.path, options) })
  return modelHash(hashes)
}

/** The hashes of models by path, of those whose files have been hashed as they are now. Reads no weights. */
export async function knownModelHashes(
  paths: readonly string[],
  cacheFolder: string,
  filesOf = filesOfModel,
): Promise<Map<string, string>> {
  const found = await Promise.all(
    paths.map(async (path) => {
      try {
        const files = await filesOf(path)
        const known = await Promise.all(files.map((file) => cachedHash(file.path, cacheFolder)))
        return [path, modelHash(known.map((sha256) => ({ sha256: sha256 ?? null })))] as const
      } catch {
        // A model that cannot be opened says so on its card.
        return [path, null] as const
      }
    }),
  )
  return new Map(found.flatMap(([path, sha256]) => (sha256 === null ? [] : [[path, sha256] as const])))
}

/** Models with the hashes that are known of them; what a document said of the others stays. */
export function withHashes<Model extends { path: string; sha256?: string | undefined }>(
  models: readonly Model[],
  hashes: ReadonlyMap<string, string>,
): Model[] {
  return models.map((model) => {
    const sha256 = hashes.get(model.path)
    return sha256 === undefined ? model : { ...model, sha256 }
  })
}

/** Files of more bytes than this, together, take seconds: their hashes are not waited for. */
const SOON_BYTES = 256 * 2 ** 20

/** The hashes of models by path: those that are known, and those that are computed in no time. */
export async function soonKnownHashes(paths: readonly string[], cacheFolder: string): Promise<Map<string, string>> {
  const known = await knownModelHashes(paths, cacheFolder)
  const unknown = paths.filter((path) => !known.has(path))
  const files = (await Promise.all(unknown.map((path) => filesOfModel(path).catch(() => [])))).flat()
  if (files.length === 0 || files.reduce((sum, { size }) => sum + size, 0) > SOON_BYTES) return known
  // A file that cannot be read says so when it is drawn with.
  for (const { path } of files) await hashFile(path, { cacheFolder }).catch(() => null)
  return knownModelHashes(paths, cacheFolder)
}
