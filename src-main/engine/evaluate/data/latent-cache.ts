import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { FusionError } from '../../../contract/errors'
import { vaeSlices } from '../../architecture/attention-slices'
import type { Component } from '../../checkpoint/model/checkpoint'
import { TensorReader } from '../../checkpoint/containers/tensor-reader'
import { toPlanes } from '../../diffusion/image-to-image'
import type { Pipeline } from '../../diffusion/pipeline'
import { encodeImageMean } from '../../diffusion/vae'
import { tellDamage, tellUnreadable } from '../../files/kept/cache-damage'
import { digest } from '../../files/kept/digest'
import { readSmallFile } from '../../files/reading/regular-file'
import { SMALL_FILES } from '../../files/reading/small-files'
import { writeWhole } from '../../files/writing/write-whole'
import type { Network } from '../../runtime/network'
import { readSquare } from '../../image/image-file'

export const LATENTS_FOLDER = 'latents'
/** Counts up when latents are made in another way. */
const VERSION = 2
const HASHED_BYTES = 4 * 1024 * 1024

/** What a component is, whatever file it lies in: the sha256 of its config, names, shapes, types and weights. */
export function hashComponent({ config, tensors }: Component): string {
  const hash = createHash('sha256').update(JSON.stringify(config))
  const reader = new TensorReader()
  const buffer = new Uint8Array(HASHED_BYTES)
  try {
    for (const [name, { shape, stored, start, transposed }] of [...tensors].sort(([a], [b]) => (a < b ? -1 : 1))) {
      hash.update(JSON.stringify([name, shape, stored.elementType, start, transposed]))
      const elements = stored.shape.reduce((product, size) => product * size, 1)
      const size = stored.byteLength / Math.max(1, elements)
      const together = Math.floor(HASHED_BYTES / size)
      for (let first = 0; first < elements; first += together) {
        const part = buffer.subarray(0, Math.min(together, elements - first) * size)
        reader.read(stored, first, part)
        hash.update(part)
      }
    }
  } finally {
    reader.close()
  }
  return hash.digest('hex')
}

/** Latents of pictures by one VAE, kept on the disk by what the picture and the VAE are. */
export class LatentCache {
  readonly #pipeline: Pipeline
  readonly #vaeHash: string
  readonly #folder: string | undefined
  #encoder: Network | undefined

  /** @param cacheFolder of the program; without it every picture is encoded */
  constructor(pipeline: Pipeline, vaeHash: string, cacheFolder: string | undefined) {
    this.#pipeline = pipeline
    this.#vaeHash = vaeHash
    this.#folder = cacheFolder === undefined ? undefined : join(cacheFolder, LATENTS_FOLDER)
  }

  /**
   * A picture's latents at the model's own size, [channels, edge, edge] times the scaling factor; the encoder is loaded
   * with the first picture that is not in the cache.
   * @param hash of the bytes
   * @param path for messages
   */
  async latentsOf(bytes: Uint8Array, hash: string, path: string): Promise<Float32Array> {
    const { nativeEdge: edge, parts } = this.#pipeline
    const { config } = parts.vae
    const length = config.latentChannels * (edge / config.scale) ** 2
    const key = digest([VERSION, hash, this.#vaeHash, edge])
    const file = this.#folder && join(this.#folder, `${key}.f32`)
    const kept = file === undefined ? null : await find(file, key, length)
    if (kept) return kept

    const square = readSquare(bytes, path, edge)
    const latentEdge = edge / config.scale
    this.#encoder ??= await parts.openVaeEncoder()
    await this.#encoder.fitSlices(vaeSlices(config, { batch: 1, height: latentEdge, width: latentEdge }))
    const latents = await encodeImageMean(this.#encoder, config, toPlanes({ ...square, pixels: square.data }))
    if (!latents.every(Number.isFinite))
      throw new FusionError('not-finite', `The VAE makes NaN or infinity of ${path}.`, { hint: 'Use another VAE.' })
    if (file !== undefined) await keep(file, key, latents)
    return latents
  }

  /** Frees the encoder. */
  async release(): Promise<void> {
    await this.#encoder?.release()
    this.#encoder = undefined
  }
}

/** Latents of a length that lie in a file, behind them the checksum; null where there are none, or damaged ones. */
async function find(file: string, key: string, length: number): Promise<Float32Array | null> {
  try {
    const bytes = await readSmallFile(file, SMALL_FILES.own)
    const values = bytes.subarray(0, length * 4)
    if (bytes.subarray(length * 4).equals(checksumOf(key, values)))
      return new Float32Array(new Uint8Array(values).buffer)
  } catch (error) {
    if (error instanceof FusionError && error.kind === 'not-found') return null
    if (error instanceof FusionError && error.kind === 'unreadable') {
      tellUnreadable(file)
      return null
    }
  }
  tellDamage(file)
  return null
}

async function keep(file: string, key: string, latents: Float32Array): Promise<void> {
  const values = new Uint8Array(latents.buffer, latents.byteOffset, latents.byteLength)
  await writeWhole(file, Buffer.concat([values, checksumOf(key, values)])).catch(() => {
    // Latents that cannot be kept are made again.
  })
}

/** Of the key as well: latents of another picture are not taken either. */
function checksumOf(key: string, values: Uint8Array): Buffer {
  return createHash('sha256').update(key).update(values).digest()
}
