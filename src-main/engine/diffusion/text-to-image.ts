import { FusionError } from '../../contract/errors'
import type { Network } from '../runtime/network'
import type { Tensor } from '../runtime/session'
import { guide } from './guidance'
import { zeroStates, type TextStates } from './prompt-encoder'
import type { TorchGenerator } from '../random'
import type { Scheduler } from '../schedulers/index'
import { noiseSource } from '../schedulers/shared/noise'

/** What the pictures of one batch share. */
export interface BatchSettings {
  guidance: number
  /** 0: off. */
  guidanceRescale: number
  /** In pixels. */
  width: number
  height: number
  /** What a missing negative prompt means: SDXL takes zeros, the others the empty prompt. */
  scheduler: Scheduler
  /** The first iteration that runs; above 0 for image-to-image. */
  begin: number
}

/** One picture of a batch: its text and its random numbers. */
export interface BatchPicture {
  positive: TextStates
  /** Null where guidance is off, or 'zeros'. */
  negative: TextStates | 'zeros' | null
  generator: TorchGenerator
}

/** Latents of a batch, [count, channels, height, width]. */
export interface LatentSize {
  count: number
  channels: number
  height: number
  width: number
}

/**
 * The denoising loop of diffusers' StableDiffusionPipeline and StableDiffusionXLPipeline for one batch. Each picture
 * draws from its own generator (diffusers' list of generators), so that it does not depend on its neighbours.
 *
 * @param latents [count, channels, h, w] as the scheduler wants them at `settings.begin`
 * @param onStep called after every iteration with the latents; may throw to cancel
 * @returns the last latents
 */
export async function denoise(
  unet: Network,
  latents: Float32Array,
  size: LatentSize,
  pictures: readonly BatchPicture[],
  settings: BatchSettings,
  onStep: (latents: Float32Array, iteration: number) => Promise<void> | void,
): Promise<Float32Array> {
  const { scheduler, guidance, guidanceRescale, begin } = settings
  const guided = guidance > 1
  const conditions = conditionTensors(textsOf(pictures, guided), settings)
  const pictureSize = size.channels * size.height * size.width
  const sources = pictures.map(({ generator }) => noiseSource(scheduler, pictureSize, generator))
  let sample = latents
  for (let iteration = begin; iteration < scheduler.timesteps.length; iteration++) {
    const input = scheduler.scaleModelInput(sample, iteration)
    const runs = guided ? 2 * size.count : size.count
    const { output } = await unet.run({
      sample: { data: guided ? twice(input) : input, dims: [runs, size.channels, size.height, size.width] },
      timestep: { data: new Float32Array(runs).fill(scheduler.timesteps[iteration]!), dims: [runs] },
      ...conditions,
    })
    const predictions = output!.data as Float32Array
    const prediction = guided ? guide(predictions, guidance, guidanceRescale, size.count) : predictions
    const noise = sources.map((source) => source(iteration))
    sample = scheduler.step(prediction, iteration, sample, {
      batchSize: size.count,
      ...(noise[0] && { noise: joined(noise.map((values) => values!)) }),
    })
    await onStep(sample, iteration)
  }
  return sample
}

/** N(0, 1) latents, [count, channels, h, w]: each picture's from its own generator. */
export function drawNoise(
  pictures: readonly Pick<BatchPicture, 'generator'>[],
  { channels, height, width }: LatentSize,
): Float32Array {
  const size = channels * height * width
  const noise = new Float32Array(pictures.length * size)
  pictures.forEach(({ generator }, index) => noise.set(generator.randn(size), index * size))
  return noise
}

/** The texts of all runs of a batch: the negative half first where guidance is on. */
function textsOf(pictures: readonly BatchPicture[], guided: boolean): TextStates[] {
  const positive = pictures.map((picture) => picture.positive)
  const negative = pictures.map(({ positive, negative }) =>
    negative === 'zeros' ? zeroStates(positive) : (negative ?? positive),
  )
  return guided ? [...negative, ...positive] : positive
}

/**
 * What the UNet is told of the texts of a batch, one per run: their states and, for SDXL, pooled texts and picture sizes.
 * @param size of the pictures, in pixels
 */
export function conditionTensors(
  all: readonly TextStates[],
  { width, height }: { width: number; height: number },
): Record<string, Tensor> {
  const { tokens, states, pooled } = all[0]!
  if (all.some((other) => other.tokens !== tokens))
    throw new FusionError('internal', 'Prompts of one batch have different lengths.')
  const encoded = joined(all.map((text) => text.states))
  const result: Record<string, Tensor> = {
    encoder_hidden_states: { data: encoded, dims: [all.length, tokens, states.length / tokens] },
  }
  if (pooled) {
    result['text_embeds'] = { data: joined(all.map((text) => text.pooled!)), dims: [all.length, pooled.length] }
    // Original size, crop and target size, as diffusers fills them in when they are not given.
    const ids = [height, width, 0, 0, height, width]
    result['time_ids'] = { data: Float32Array.from(all.flatMap(() => ids)), dims: [all.length, ids.length] }
  }
  return result
}

function twice(values: Float32Array): Float32Array {
  return joined([values, values])
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const result = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    result.set(part, at)
    at += part.length
  }
  return result
}
