import { FusionError } from '../../contract/errors'
import type { VaeConfig } from '../architecture/vae'
import type { Network } from '../runtime/network'
import { drawNoise, type BatchPicture, type LatentSize } from './text-to-image'
import type { Scheduler } from '../schedulers/index'
import { encodeImage, type Planes } from './vae'

/** A picture to start from: bytes [height, width, 3]. */
export interface SourceImage {
  pixels: Uint8Array
  width: number
  height: number
}

/** Bytes as an image of −1 … 1, as diffusers' VaeImageProcessor has them. */
export function toPlanes({ pixels, width, height }: SourceImage): Planes {
  const plane = width * height
  const data = new Float32Array(plane * 3)
  for (let i = 0; i < plane; i++)
    for (let channel = 0; channel < 3; channel++)
      data[channel * plane + i] = 2 * Math.fround(pixels[i * 3 + channel]! / 255) - 1
  return { data, count: 1, channels: 3, height, width }
}

/**
 * The iteration at which image-to-image starts (diffusers' get_timesteps).
 * @param strength 0 … 1: the share of the steps that run
 * @throws FusionError 'validation' where no step would run
 */
export function firstIteration(scheduler: Scheduler, steps: number, strength: number): number {
  if (!(strength >= 0 && strength <= 1))
    throw new FusionError('validation', `The strength is ${strength}; it must be from 0 to 1.`)
  const run = Math.min(Math.floor(steps * strength), steps)
  const first = (steps - run) * scheduler.order
  if (run < 1 || first >= scheduler.timesteps.length)
    throw new FusionError('validation', `A strength of ${strength} leaves none of ${steps} steps to run.`, {
      hint: 'Use a larger strength or more steps.',
    })
  return first
}

/**
 * The noisy latents of a source image for every picture of a batch. Order of draws as in diffusers: all pictures draw
 * their posterior sample first, then their noise.
 */
export async function imageLatents(
  encoder: Network,
  config: VaeConfig,
  source: SourceImage,
  pictures: readonly BatchPicture[],
  size: LatentSize,
  scheduler: Scheduler,
  begin: number,
): Promise<Float32Array> {
  const image = toPlanes(source)
  const clean = new Float32Array(size.count * size.channels * size.height * size.width)
  for (const [index, { generator }] of pictures.entries())
    clean.set(await encodeImage(encoder, config, image, generator), (index * clean.length) / size.count)
  return scheduler.addNoise(clean, drawNoise(pictures, size), begin)
}
