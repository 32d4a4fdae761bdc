import { utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { readCheckedJson, writeCheckedJson } from '../../files/kept/checked-json'
import { digest } from '../../files/kept/digest'
import { RUNTIME_VERSION } from '../../runtime/session'
import type { ChosenDomain } from '../data/splits'
import { modelParts, stateOf, type KeyedModel, type ModelSurroundings } from '../model-key'

/** Where measured losses lie, below the program's cache. */
export const LOSSES_FOLDER = 'featurefusion-losses'
/** Part of every key: other arithmetic is another key. */
const FORMAT = 2

const storedSchema = z.object({
  /** By domain, picture and timestep. */
  losses: z.array(z.array(z.array(z.number()))),
  /** That merging took; null for a model that was there. */
  seconds: z.number().nullable(),
})

/** Losses that were measured once, and what making the model cost. */
export type StoredLosses = z.infer<typeof storedSchema>

/** What losses depend on beside the model. */
export interface Measurement extends ModelSurroundings {
  /** Folder of the data. */
  folder: string
  chosen: readonly ChosenDomain[]
  seed: number
}

/** Measurements by what they were made of and on, so that a comparison that was stopped goes on where it was. */
export class MeasurementStore<Stored> {
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

/** Measured losses. */
export class LossStore extends MeasurementStore<StoredLosses> {
  constructor(cacheFolder: string) {
    super(cacheFolder, storedSchema)
  }

  /** The key of a model or a merge; it changes with every file behind it. */
  static async keyOf(model: KeyedModel, on: Measurement): Promise<string> {
    const { path, made, files, others } = await modelParts(model, on)
    const parts = [
      FORMAT,
      RUNTIME_VERSION,
      path,
      made,
      files,
      others,
      on.chosen,
      await dataState(on),
      on.seed,
      on.provider,
      on.prediction,
      ...(on.ema === undefined ? [] : [on.ema]),
      ...(model.strengths ? [model.strengths] : []),
    ]
    return digest(parts)
  }
}

/** Of the pictures' files, or where they have none of their own, of the set's. */
async function dataState({ folder, chosen }: Measurement): Promise<unknown> {
  const files = chosen.flatMap(({ pictures }) => pictures.flatMap(({ picture }) => picture.file ?? []))
  return Promise.all((files.length > 0 ? files : [join(folder, 'evaluation.json')]).map(stateOf))
}
