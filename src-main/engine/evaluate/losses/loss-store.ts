import { utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { needsCalibration, type AdapterStrengths, type Project, type Reading } from '../../../contract/document/project'
import { unreadable } from '../../files/reading/file-errors'
import { filesOfModel } from '../../merge/open-model'
import { readCheckedJson, writeCheckedJson } from '../../files/kept/checked-json'
import { digest } from '../../files/kept/digest'
import { fileState } from '../../files/reading/file-state'
import { RUNTIME_VERSION } from '../../runtime/session'
import type { ChosenDomain } from '../data/splits'

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
export interface Measurement extends Reading {
  /** The pipeline around the UNet. */
  base: string
  /** Folder of the data. */
  folder: string
  chosen: readonly ChosenDomain[]
  seed: number
  provider: string
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
  static async keyOf(
    model: { path: string | null; merge: Project | null; strengths?: AdapterStrengths | undefined },
    on: Measurement,
  ): Promise<string> {
    const { merge, path, strengths } = model
    const paths = [on.base, ...(merge ? merge.models.map((entry) => entry.path) : path === null ? [] : [path])]
    if (merge?.output.vae !== undefined) paths.push(merge.output.vae)
    const { calibration, ...settings } = merge?.method ?? {}
    // Of a method that does not read it, a calibration is nothing to depend on.
    const used = merge && needsCalibration(merge.method) ? calibration : undefined
    const others = used === undefined ? [] : [await stateOf(used)]
    const made = merge && {
      models: merge.models.map(({ sha256: _hash, ...entry }) => entry),
      method: { ...settings, calibration: used },
      output: { include: merge.output.include, dtype: merge.output.dtype },
    }
    const parts = [
      FORMAT,
      RUNTIME_VERSION,
      path,
      made,
      await Promise.all(paths.map(filesOf)),
      others,
      on.chosen,
      await dataState(on),
      on.seed,
      on.provider,
      on.prediction,
      ...(on.ema === undefined ? [] : [on.ema]),
      ...(strengths ? [strengths] : []),
    ]
    return digest(parts)
  }
}

async function filesOf(path: string): Promise<unknown> {
  const files = await filesOfModel(path)
  return files.map(({ path: file, state }) => [file, state])
}

async function stateOf(path: string): Promise<unknown> {
  const state = await fileState(path).catch((cause: unknown) => {
    throw unreadable(path, cause)
  })
  return [path, state]
}

/** Of the pictures' files, or where they have none of their own, of the set's. */
async function dataState({ folder, chosen }: Measurement): Promise<unknown> {
  const files = chosen.flatMap(({ pictures }) => pictures.flatMap(({ picture }) => picture.file ?? []))
  return Promise.all((files.length > 0 ? files : [join(folder, 'evaluation.json')]).map(stateOf))
}
