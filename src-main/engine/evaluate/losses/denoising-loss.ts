import { FusionError } from '../../../contract/errors'
import { unetSlices } from '../../architecture/attention-slices'
import type { Pipeline } from '../../diffusion/pipeline'
import { alphasCumprodOf, betasOf, knowsZeroSnr, type BetaConfig } from '../../schedulers/shared/betas'
import { readConfig, type SchedulerConfig } from '../../schedulers/shared/config'
import type { TextStates } from '../../diffusion/prompt-encoder'
import { conditionTensors } from '../../diffusion/text-to-image'
import { throwIfCancelled } from '../../cancel'
import { mean } from './bootstrap'
import { encodeTexts, type DomainTexts } from '../data/domain-texts'
import type { EvaluationDomain, EvaluationSet } from '../data/evaluation-set'

/** Latents that are denoised together: 16 pictures of 16 × 16. */
const BATCH_LATENTS = 64 * 64

const BETA_DEFAULTS: BetaConfig & { rescale_betas_zero_snr: boolean } = {
  num_train_timesteps: 1000,
  beta_start: 0.0001,
  beta_end: 0.02,
  beta_schedule: 'linear',
  trained_betas: null,
  rescale_betas_zero_snr: false,
}

export interface LossOptions {
  /** Only these pictures of the domain, by index; all if absent. */
  pictures?: readonly number[]
  /** The pictures' texts by this pipeline's text encoders, if they are at hand (encodeTexts). */
  texts?: DomainTexts
  signal?: AbortSignal
  /** Called after every batch with pictures times timesteps, done and in all. */
  onProgress?: (done: number, total: number) => void
}

/** One loss of a model: a picture of a domain at one timestep, by their numbers. */
export interface LossUnit {
  domain: EvaluationDomain
  picture: number
  /** Of the set's timesteps. */
  step: number
}

/**
 * The denoising loss of a model on a domain (the paper's equation 6): for every picture and timestep the mean over
 * values of (prediction − target)², with x_t = √ᾱ_t · latent + √(1 − ᾱ_t) · noise and the model's own noise schedule. The
 * target is the noise, or what the model's prediction_type says.
 * @returns one row per picture, in the order of `options.pictures`, with one loss per timestep
 * @throws FusionError 'cancelled' between batches, 'unsupported', 'incompatible', 'out-of-memory', 'device'
 */
export async function denoisingLosses(
  pipeline: Pipeline,
  set: Pick<EvaluationSet, 'timesteps' | 'noises'>,
  domain: EvaluationDomain,
  options: LossOptions = {},
): Promise<Float64Array[]> {
  const { pictures = domain.pictures.map((_, index) => index), signal, onProgress } = options
  const steps = set.timesteps.length
  const texts = options.texts ?? (await encodeTexts(pipeline, domain, pictures, signal))
  const units = pictures.flatMap((picture) => set.timesteps.map((_, step) => ({ domain, picture, step })))
  const losses = await unitLosses(pipeline, set, units, ({ picture }) => texts.get(picture)!, {
    ...(signal && { signal }),
    ...(onProgress && { onProgress }),
  })
  return pictures.map((_, place) => losses.slice(place * steps, (place + 1) * steps))
}

/**
 * Denoising losses of single units, of any domains; those of one shape run together.
 * @param textOf a unit's prompt by the pipeline's text encoders
 * @returns one loss per unit, in their order
 * @throws as denoisingLosses
 */
export async function unitLosses(
  pipeline: Pipeline,
  { timesteps, noises }: Pick<EvaluationSet, 'timesteps' | 'noises'>,
  units: readonly LossUnit[],
  textOf: (unit: LossUnit) => TextStates,
  { signal, onProgress }: Pick<LossOptions, 'signal' | 'onProgress'> = {},
): Promise<Float64Array> {
  const { unet, unetConfig, schedulerConfig, vae } = pipeline.parts
  const mix = mixerOf(schedulerConfig, timesteps)
  const losses = new Float64Array(units.length)
  for (let first = 0; first < units.length;) {
    throwIfCancelled(signal)
    const batch = units.slice(first, first + together(units, first, textOf))
    const { name, shape } = batch[0]!.domain
    const [channels, height, width] = shape
    if (unetConfig.inChannels !== channels)
      throw new FusionError('incompatible', `The latents of ${name} have ${channels} channels, the UNet other ones.`)
    const size = channels * height * width
    const noisy = new Float32Array(batch.length * size)
    const targets = new Float32Array(batch.length * size)
    batch.forEach(({ domain, picture, step }, index) => {
      const at = (picture * noises + (step % noises)) * size
      const latent = domain.latents.subarray(picture * size, (picture + 1) * size)
      const noise = domain.noise.subarray(at, at + size)
      mix(timesteps[step]!, latent, noise, noisy.subarray(index * size), targets.subarray(index * size))
    })
    const conditions = batch.map(textOf)
    await unet.fitSlices(unetSlices(unetConfig, { batch: batch.length, height, width }, conditions[0]!.tokens))
    const { output } = await unet.run({
      sample: { data: noisy, dims: [batch.length, channels, height, width] },
      timestep: { data: Float32Array.from(batch, ({ step }) => timesteps[step]!), dims: [batch.length] },
      ...conditionTensors(conditions, { height: height * vae.config.scale, width: width * vae.config.scale }),
    })
    const predicted = output!.data as Float32Array
    batch.forEach((_, index) => {
      let sum = 0
      for (let i = index * size; i < (index + 1) * size; i++) sum += (predicted[i]! - targets[i]!) ** 2
      losses[first + index] = sum / size
    })
    first += batch.length
    onProgress?.(first, units.length)
  }
  return losses
}

/** How many units from one on go into one run: as many as fit, of one shape and with prompts of one length. */
function together(units: readonly LossUnit[], first: number, textOf: (unit: LossUnit) => TextStates): number {
  const one = units[first]!
  const [, height, width] = one.domain.shape
  const most = Math.max(1, Math.floor(BATCH_LATENTS / (height * width)))
  const alike = (unit: LossUnit): boolean =>
    unit.domain.shape.join() === one.domain.shape.join() && textOf(unit).tokens === textOf(one).tokens
  const end = units.slice(first, first + most).findIndex((unit) => !alike(unit))
  return end < 0 ? Math.min(most, units.length - first) : end
}

/** The same as one loss per picture: the mean over its timesteps. */
export async function denoisingLoss(
  pipeline: Pipeline,
  set: Pick<EvaluationSet, 'timesteps' | 'noises'>,
  domain: EvaluationDomain,
  options: LossOptions = {},
): Promise<Float64Array> {
  return Float64Array.from(await denoisingLosses(pipeline, set, domain, options), mean)
}

/** ᾱ of every training timestep, as the scheduler of this config has them (its `alphas_cumprod`). */
export function trainingAlphas(config: SchedulerConfig): Float32Array {
  const className = String(config['_class_name'])
  const schedule = readConfig(className, BETA_DEFAULTS, config)
  const rescales = schedule.rescale_betas_zero_snr && knowsZeroSnr(className)
  return alphasCumprodOf(betasOf(className, schedule, rescales))
}

/** How the model's training mixed latents and noise, and what it was to predict. */
function mixerOf(config: SchedulerConfig, timesteps: readonly number[]): Mix {
  const alphas = trainingAlphas(config)
  const last = Math.max(...timesteps)
  if (last >= alphas.length)
    throw new FusionError(
      'incompatible',
      `The evaluation set has the timestep ${last}; the model has ${alphas.length}.`,
    )
  const { prediction_type: type = 'epsilon' } = config
  if (type !== 'epsilon' && type !== 'v_prediction' && type !== 'sample')
    throw new FusionError('unsupported', `The prediction_type ${String(type)} is not known.`)
  return (timestep, latent, noise, noisy, target) => {
    const signal = Math.sqrt(alphas[timestep]!)
    const spread = Math.sqrt(1 - alphas[timestep]!)
    for (let i = 0; i < latent.length; i++) {
      noisy[i] = signal * latent[i]! + spread * noise[i]!
      target[i] =
        type === 'epsilon' ? noise[i]! : type === 'sample' ? latent[i]! : signal * noise[i]! - spread * latent[i]!
    }
  }
}

/** Fills `noisy` and `target` for one picture. */
type Mix = (
  timestep: number,
  latent: Float32Array,
  noise: Float32Array,
  noisy: Float32Array,
  target: Float32Array,
) => void
