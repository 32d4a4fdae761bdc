import { FusionError } from '../../contract/errors'
import type { Pipeline } from '../diffusion/pipeline'
import { alphasCumprodOf, betasOf, type BetaConfig } from '../diffusion/schedulers/betas'
import { readConfig, type SchedulerConfig } from '../diffusion/schedulers/config'
import { throwIfCancelled } from '../merge/cancel'
import type { EvaluationDomain, EvaluationSet } from './evaluation-set'

/** Latents that are denoised together: 16 pictures of 16 × 16. */
const BATCH_LATENTS = 64 * 64

const BETA_DEFAULTS: BetaConfig = {
  num_train_timesteps: 1000,
  beta_start: 0.0001,
  beta_end: 0.02,
  beta_schedule: 'linear',
  trained_betas: null,
}

export interface LossOptions {
  /** Only these pictures of the domain, by index; all if absent. */
  pictures?: readonly number[]
  signal?: AbortSignal
}

/**
 * The denoising loss of a model on a domain: for every picture the mean over timesteps and values of
 * (prediction − target)², with x_t = √ᾱ_t · latent + √(1 − ᾱ_t) · noise and the model's own noise schedule. The target is
 * the noise, or what the model's prediction_type says.
 * @returns one loss per picture, in the order of `options.pictures`
 * @throws FusionError 'cancelled' between batches, 'unsupported' (SDXL), 'incompatible', 'out-of-memory', 'device'
 */
export async function denoisingLoss(
  pipeline: Pipeline,
  { timesteps, noises }: Pick<EvaluationSet, 'timesteps' | 'noises'>,
  domain: EvaluationDomain,
  { pictures = domain.pictures.map((_, index) => index), signal }: LossOptions = {},
): Promise<Float64Array> {
  const { unet, unetConfig, textEncoders, schedulerConfig } = pipeline.parts
  const [channels, height, width] = domain.shape
  if (unetConfig.addition || textEncoders.length !== 1)
    throw new FusionError('unsupported', 'The denoising loss of SDXL models cannot be measured yet.')
  if (unetConfig.inChannels !== channels)
    throw new FusionError(
      'incompatible',
      `The latents of ${domain.name} have ${channels} channels, the UNet other ones.`,
    )
  const mix = mixerOf(schedulerConfig, timesteps)
  const states = await textStates(pipeline, domain, pictures)
  const size = channels * height * width
  const work = pictures.flatMap((picture, place) =>
    timesteps.map((timestep, step) => ({ picture, place, timestep, step })),
  )
  const together = Math.max(1, Math.floor(BATCH_LATENTS / (height * width)))
  const losses = new Float64Array(pictures.length)
  for (let first = 0; first < work.length; first += together) {
    throwIfCancelled(signal)
    const batch = work.slice(first, first + together)
    const noisy = new Float32Array(batch.length * size)
    const targets = new Float32Array(batch.length * size)
    const text = new Float32Array(batch.length * states.tokens * states.width)
    batch.forEach(({ picture, place, step, timestep }, index) => {
      const at = (picture * noises + (step % noises)) * size
      const latent = domain.latents.subarray(picture * size, (picture + 1) * size)
      const noise = domain.noise.subarray(at, at + size)
      mix(timestep, latent, noise, noisy.subarray(index * size), targets.subarray(index * size))
      text.set(states.rows[place]!, index * states.tokens * states.width)
    })
    const { output } = await unet.run({
      sample: { data: noisy, dims: [batch.length, channels, height, width] },
      timestep: { data: Float32Array.from(batch, ({ timestep }) => timestep), dims: [batch.length] },
      encoder_hidden_states: { data: text, dims: [batch.length, states.tokens, states.width] },
    })
    const predicted = output!.data as Float32Array
    batch.forEach(({ place }, index) => {
      let sum = 0
      for (let i = index * size; i < (index + 1) * size; i++) sum += (predicted[i]! - targets[i]!) ** 2
      losses[place]! += sum / size / timesteps.length
    })
  }
  return losses
}

/** Text states of the pictures' prompts, [tokens, width] each. */
async function textStates(
  { parts }: Pipeline,
  { inputIds }: EvaluationDomain,
  pictures: readonly number[],
): Promise<{ rows: Float32Array[]; tokens: number; width: number }> {
  const ids = pictures.map((picture) => inputIds[picture]!)
  const tokens = ids[0]!.length
  const input = { data: BigInt64Array.from(ids.flat(), BigInt), dims: [ids.length, tokens] }
  const { last_hidden_state: states } = await parts.textEncoders[0]!.network.run({ input_ids: input }, [
    'last_hidden_state',
  ])
  const { data, dims } = states!
  const width = dims[2]!
  const length = tokens * width
  const rows = ids.map((_, index) => (data as Float32Array).subarray(index * length, (index + 1) * length))
  return { rows, tokens, width }
}

/** How the model's training mixed latents and noise, and what it was to predict. */
function mixerOf(config: SchedulerConfig, timesteps: readonly number[]): Mix {
  const className = String(config['_class_name'])
  const alphas = alphasCumprodOf(betasOf(className, readConfig(className, BETA_DEFAULTS, config)))
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
