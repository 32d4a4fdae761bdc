import { join } from 'node:path'
import { z } from 'zod'
import { modelFactsSchema } from '../../contract/library'
import { readCheckedJson, writeCheckedJson } from '../files/kept/checked-json'

/** Inside the cache folder. */
export const LIBRARY_FILE = 'library.json'
/** Of files that were listed once and not this time (a disk that is away), so many stay. */
const MOST_KEPT = 100_000

const headerFactsSchema = modelFactsSchema.extend({
  /** Whether the file has a picture of the model inside. */
  hasPicture: z.boolean(),
})
/** By path; `state` is the file's when its header was read (files/reading/file-state.ts). */
const cacheSchema = z.record(z.string(), z.object({ state: z.string(), facts: headerFactsSchema }))

/** What the header of a file tells. */
export type HeaderFacts = z.infer<typeof headerFactsSchema>
type Remembered = z.infer<typeof cacheSchema>[string]

/** What headers told, by path, so that a file is opened once as long as it stays as it is. */
export class FactsCache {
  private changed = false

  private constructor(
    private readonly folder: string | undefined,
    private readonly entries: Map<string, Remembered>,
  ) {}

  /** @param folder of the cache; without it nothing is remembered */
  static async open(folder: string | undefined): Promise<FactsCache> {
    if (folder === undefined) return new FactsCache(folder, new Map())
    const kept = await readCheckedJson(join(folder, LIBRARY_FILE), LIBRARY_FILE, cacheSchema)
    return new FactsCache(folder, new Map(Object.entries(kept ?? {})))
  }

  find(path: string, state: string): HeaderFacts | undefined {
    const entry = this.entries.get(path)
    return entry?.state === state ? entry.facts : undefined
  }

  remember(path: string, state: string, facts: HeaderFacts): void {
    this.entries.delete(path)
    this.entries.set(path, { state, facts })
    this.changed = true
  }

  /** Of two processes that write at once, what one found is found again next time. */
  async save(): Promise<void> {
    if (this.folder === undefined || !this.changed) return
    const newest = [...this.entries].slice(-MOST_KEPT)
    // A cache that cannot be written costs time, nothing else.
    await writeCheckedJson(join(this.folder, LIBRARY_FILE), LIBRARY_FILE, Object.fromEntries(newest)).catch(() => {})
  }
}
