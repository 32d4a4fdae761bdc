import { statSync } from 'node:fs'
import { toErrorReport } from '../../contract/errors'
import type { LibraryEntry, LibraryListing, ModelFacts } from '../../contract/library'
import { yieldOrCancel } from '../cancel'
import { knownHashes, shortHash } from '../checkpoint/hash'
import { unreadable } from '../files/reading/file-errors'
import { stateOf } from '../files/reading/file-state'
import { FactsCache, type HeaderFacts } from './facts-cache'
import { findModels, type FindOptions, type FoundModel } from './find-models'
import { folderFacts } from './folder-facts'
import { KnownHeaders } from './known-headers'
import { readModelHeader } from './model-header'
import { NO_FACTS } from './model-facts'

export interface ListOptions extends FindOptions {
  /** What headers told, and hashes, are remembered here; absent: nothing is. */
  cacheFolder?: string | undefined
  /** Called with the number of models that are read and of all. */
  onProgress?: ((done: number, total: number) => void) | undefined
}

/** For so long the short reads of headers keep other work waiting. */
const SLICE_MS = 15

/** What cannot be read for a reason that may pass (rights, a disk that is away) is not remembered. */
const LASTING: readonly string[] = ['malformed', 'unsupported']

/**
 * Lists the models in folders, each as whatever program keeps them (find-models.ts), from headers alone. What cannot be
 * read is listed with its reason.
 * @throws FusionError 'cancelled'
 */
export async function listModels(folders: readonly string[], options: ListOptions = {}): Promise<LibraryListing> {
  const { cacheFolder, signal, onProgress } = options
  const found = await findModels(folders, options)
  const cache = await FactsCache.open(cacheFolder)
  const hashes = cacheFolder === undefined ? () => undefined : await knownHashes(cacheFolder)
  const headers = new KnownHeaders()
  const entries: LibraryEntry[] = []
  let sliceEnd = performance.now() + SLICE_MS
  for (const model of found.models) {
    const entry = await (model.isFolder ? folderEntry(model) : fileEntry(model, cache, headers, hashes))
    entries.push(entry)
    if (performance.now() < sliceEnd) continue
    onProgress?.(entries.length, found.models.length)
    await yieldOrCancel(signal)
    sliceEnd = performance.now() + SLICE_MS
  }
  await cache.save()
  return { folders: found.folders, entries, notes: found.notes }
}

type Hashes = (path: string, state: string) => string | undefined

function fileEntry(model: FoundModel, cache: FactsCache, headers: KnownHeaders, hashes: Hashes): LibraryEntry {
  const { path } = model
  if (model.problem !== null) return entryOf(model, unreadableFacts(model.problem))
  try {
    const stats = statSync(path, { bigint: true })
    const state = stateOf(stats)
    const { hasPicture, ...facts } = factsOf(path, state, cache, headers)
    const sha256 = hashes(path, state) ?? null
    return {
      ...entryOf(model, facts, Number(stats.size), Number(stats.mtimeMs)),
      thumbnail: model.thumbnail ?? (hasPicture ? path : null),
      sha256,
      shortHash: sha256 && shortHash(sha256),
    }
  } catch (error) {
    return entryOf(model, unreadableFacts(unreadable(path, error).message))
  }
}

async function folderEntry(model: FoundModel): Promise<LibraryEntry> {
  try {
    const { facts, size, time } = await folderFacts(model.path)
    return entryOf(model, facts, size, time)
  } catch (error) {
    return entryOf(model, unreadableFacts(toErrorReport(error).message))
  }
}

/** From the cache, or else from the header. */
function factsOf(path: string, state: string, cache: FactsCache, headers: KnownHeaders): HeaderFacts {
  const known = cache.find(path, state)
  if (known) return known
  try {
    const facts = headers.factsOf(readModelHeader(path))
    cache.remember(path, state, facts)
    return facts
  } catch (error) {
    const { kind, message } = toErrorReport(error)
    const facts = { ...unreadableFacts(message), hasPicture: false }
    if (LASTING.includes(kind)) cache.remember(path, state, facts)
    return facts
  }
}

function unreadableFacts(problem: string): ModelFacts {
  return { ...NO_FACTS, kind: 'unreadable', problem }
}

function entryOf({ problem: _found, ...model }: FoundModel, facts: ModelFacts, size = 0, time = 0): LibraryEntry {
  return { ...model, ...facts, size, time, sha256: null, shortHash: null }
}
