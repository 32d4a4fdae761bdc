import { createHash } from 'node:crypto'
import { rm, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { FusionError } from '../../../contract/errors'
import { throwIfCancelled } from '../../cancel'
import { picturesTogether, type GenerateRequest, type Pipeline } from '../../diffusion/pipeline'
import { tellDamage } from '../../files/kept/cache-damage'
import { digest } from '../../files/kept/digest'
import { readSmallFile } from '../../files/reading/regular-file'
import { SMALL_FILES } from '../../files/reading/small-files'
import type { Permissions } from '../../files/writing/permissions'
import { writeWhole } from '../../files/writing/write-whole'
import { writingError } from '../../files/writing/writing-error'
import { NotKept } from '../../files/kept/not-kept'
import { decodePng, encodePng } from '../../image/png'
import { readPngText, withPngText } from '../../image/png-text'

/** Where pictures of evaluated models lie, below the program's cache or a folder of results. */
export const DRAWN_FOLDER = 'featurefusion-drawn'
/** Part of every key: another way to draw is another key. */
const FORMAT = 1
/** So that no picture is believed that was put under another one's name. */
const KEY_KEYWORD = 'featurefusion-key'

/** One picture that a model draws. */
export interface DrawnRequest {
  prompt: string
  seed: number
}

/** How a model draws; in its own size, which the model's key tells. */
export type DrawnSettings = Pick<GenerateRequest, 'steps' | 'guidance' | 'scheduler'>

/** A picture that is kept. */
export interface DrawnPicture extends DrawnRequest {
  key: string
  /** Of its file. */
  sha256: string
}

/** A model that is loaded to draw. */
export interface DrawingModel {
  pipeline: Pipeline
  /** Tells it from every other one (model-key.ts). */
  key: string
}

export interface DrawOptions {
  signal?: AbortSignal | undefined
  /** Called after every batch with how many of the pictures are there. */
  onDrawn?: (done: number, total: number) => void
}

/**
 * What models drew to be scored or recognised, as PNG files by model, prompt, seed and settings: nothing is drawn twice,
 * and what was stopped goes on where it was.
 */
export class DrawnPictures {
  /** @param permissions of what is written */
  constructor(
    private readonly folder: string,
    private readonly permissions?: Permissions,
  ) {}

  /** The pictures that are kept, in the order of the requests; null for those that are not. @param model its key (model-key.ts) */
  async find(
    model: string,
    requests: readonly DrawnRequest[],
    settings: DrawnSettings,
  ): Promise<(DrawnPicture | null)[]> {
    const found: (DrawnPicture | null)[] = []
    for (const request of requests) {
      const key = keyOf(model, request, settings)
      const kept = await this.#read(key)
      found.push(kept && { ...request, key, sha256: kept.sha256 })
    }
    return found
  }

  /**
   * Draws the pictures that are not kept, as many together as small pictures allow.
   * @throws FusionError 'cancelled' between steps, NotKept, and what Pipeline.generate throws
   */
  async draw(
    { pipeline, key: model }: DrawingModel,
    requests: readonly DrawnRequest[],
    settings: DrawnSettings,
    { signal, onDrawn }: DrawOptions = {},
  ): Promise<DrawnPicture[]> {
    const found = await this.find(model, requests, settings)
    const missing = requests.map((request, place) => ({ ...request, place })).filter(({ place }) => !found[place])
    const together = picturesTogether(pipeline.nativeSize, pipeline.parts.vae.config)
    for (let first = 0; first < missing.length; first += together) {
      throwIfCancelled(signal)
      const batch = missing.slice(first, first + together)
      const pictures = batch.map(({ prompt, seed }) => ({ prompt, seed }))
      const drawn = await pipeline.generate({ ...settings, ...pipeline.nativeSize, pictures }, signal ? { signal } : {})
      for (const [index, { width, height, pixels }] of drawn.entries()) {
        const { place, prompt, seed } = batch[index]!
        const key = keyOf(model, { prompt, seed }, settings)
        const png = withPngText(
          encodePng({ width, height, channels: 3, data: pixels }, parametersOf(prompt, seed, settings)),
          KEY_KEYWORD,
          key,
        )
        await this.#keep(key, png)
        found[place] = { prompt, seed, key, sha256: hashOf(png) }
      }
      onDrawn?.(found.filter((picture) => picture !== null).length, requests.length)
    }
    return found.map((picture) => picture!)
  }

  /** A kept picture. @throws FusionError 'source-changed' where it was removed or damaged since */
  async pixels({ key }: Pick<DrawnPicture, 'key'>) {
    const kept = await this.#read(key)
    if (kept) return kept.picture
    throw new FusionError('source-changed', 'A drawn picture was removed from the cache while it was in use.', {
      detail: this.#path(key),
      hint: 'Try again: it is drawn again.',
    })
  }

  async #keep(key: string, png: Uint8Array): Promise<void> {
    const path = this.#path(key)
    try {
      await writeWhole(path, png, this.permissions)
    } catch (error) {
      throw new NotKept(writingError(error, path))
    }
  }

  async #read(key: string) {
    const path = this.#path(key)
    let png: Buffer
    try {
      png = await readSmallFile(path, SMALL_FILES.picture)
    } catch (error) {
      if (error instanceof FusionError && error.kind === 'not-found') return null
      throw error
    }
    try {
      if (readPngText(png).get(KEY_KEYWORD) !== key) throw new FusionError('malformed', 'It is another picture.')
      const { width, height, data } = decodePng(png)
      const now = new Date()
      await utimes(path, now, now).catch(() => {}) // in a cache that is only read nothing is marked
      return { sha256: hashOf(png), picture: { width, height, pixels: data as Uint8Array } }
    } catch {
      tellDamage(path)
      await rm(path, { force: true }).catch(() => {})
      return null
    }
  }

  #path(key: string): string {
    return join(this.folder, DRAWN_FOLDER, `${key}.png`)
  }
}

function keyOf(model: string, { prompt, seed }: DrawnRequest, { steps, guidance, scheduler }: DrawnSettings): string {
  return digest([FORMAT, model, prompt, seed, steps, guidance, scheduler ?? null])
}

function parametersOf(prompt: string, seed: number, { steps, guidance, scheduler }: DrawnSettings) {
  const settings = new Map([
    ['Steps', String(steps)],
    ...(scheduler === undefined ? [] : [['Sampler', scheduler] as const]),
    ['CFG scale', String(guidance)],
    ['Seed', String(seed)],
  ])
  return { prompt, negativePrompt: '', settings }
}

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
