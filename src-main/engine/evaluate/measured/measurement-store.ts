import { utimes } from 'node:fs/promises'
import { join } from 'node:path'
import type { z } from 'zod'
import { readCheckedJson, writeCheckedJson } from '../../files/kept/checked-json'
import type { Measurements } from './measurements'

/** Where measurements lie, below the program's cache. */
export const LOSSES_FOLDER = 'featurefusion-losses'

/** Measurements by what they were made of and on, so that a comparison that was stopped goes on where it was. */
export class MeasurementStore<Stored> implements Measurements<Stored> {
  constructor(
    private readonly cacheFolder: string,
    private readonly schema: z.ZodType<Stored>,
  ) {}

  async find(key: string): Promise<Stored | null> {
    const path = this.#path(key)
    const stored = await readCheckedJson(path, key, this.schema)
    const now = new Date()
    if (stored) await utimes(path, now, now).catch(() => {}) // in a cache that is only read nothing is marked
    return stored
  }

  async keep(key: string, stored: Stored): Promise<void> {
    await writeCheckedJson(this.#path(key), key, stored)
  }

  #path(key: string): string {
    return join(this.cacheFolder, LOSSES_FOLDER, `${key}.json`)
  }
}
