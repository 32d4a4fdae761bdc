import { FusionError } from '../../contract/errors'
import { combine } from './shared/arithmetic'
import { AlphaScheduler, requiredNoise, type AlphaConfig } from './shared/alpha-scheduler'
import { readConfig, type SchedulerConfig } from './shared/config'
import type { RunOptions, StepOptions } from './shared/scheduler'

const CLASS_NAME = 'LCMScheduler'
const SIGMA_DATA = 0.5

const DEFAULTS = {
  num_train_timesteps: 1000,
  beta_start: 0.00085,
  beta_end: 0.012,
  beta_schedule: 'scaled_linear',
  trained_betas: null as readonly number[] | null,
  original_inference_steps: 50,
  clip_sample: false,
  clip_sample_range: 1,
  prediction_type: 'epsilon',
  thresholding: false,
  dynamic_thresholding_ratio: 0.995,
  sample_max_value: 1,
  timestep_scaling: 10,
  rescale_betas_zero_snr: false,
} satisfies AlphaConfig & Record<string, unknown>

/**
 * Multistep sampling of latent consistency models (arXiv 2310.04378); diffusers' LCMScheduler. Its keys
 * set_alpha_to_one, steps_offset and timestep_spacing have no effect there either.
 */
export class LCMScheduler extends AlphaScheduler {
  private readonly timestepScaling: number

  constructor(given: SchedulerConfig, { steps }: RunOptions) {
    const config = readConfig(CLASS_NAME, DEFAULTS, given)
    super(CLASS_NAME, config, timestepsOf(config, steps))
    this.timestepScaling = config.timestep_scaling
  }

  drawsNoise(iteration: number): boolean {
    return iteration < this.timesteps.length - 1
  }

  step(modelOutput: Float32Array, iteration: number, sample: Float32Array, options: StepOptions = {}): Float32Array {
    const timestep = this.timesteps[iteration]!
    const scaledTimestep = timestep * this.timestepScaling
    const distance = scaledTimestep ** 2 + SIGMA_DATA ** 2
    const alpha = this.alphasCumprod[timestep]!
    const original = this.limited(this.predictedOriginal(alpha, modelOutput, sample), options)
    const denoised = [
      [scaledTimestep / Math.sqrt(distance), original],
      [SIGMA_DATA ** 2 / distance, sample],
    ] as const
    const next = this.timesteps[iteration + 1]
    if (next === undefined) return combine(...denoised)
    const nextAlpha = this.alphasCumprod[next]!
    const signal = Math.sqrt(nextAlpha)
    return combine(
      [signal * denoised[0][0], original],
      [signal * denoised[1][0], sample],
      [Math.sqrt(1 - nextAlpha), requiredNoise(options)],
    )
  }
}

function timestepsOf(config: typeof DEFAULTS, steps: number): number[] {
  const { num_train_timesteps: count, original_inference_steps: original } = config
  if (!Number.isInteger(original) || original < 1 || original > count) {
    throw new FusionError('malformed', `${CLASS_NAME}: original_inference_steps is ${original}.`, {
      hint: `It is a whole number from 1 to ${count}.`,
    })
  }
  if (!Number.isInteger(steps) || steps < 1 || steps > original) {
    throw new FusionError('validation', `${CLASS_NAME} cannot sample ${steps} steps.`, {
      hint: `Choose a whole number from 1 to ${original} (original_inference_steps).`,
    })
  }
  const stride = Math.floor(count / original)
  return Array.from({ length: steps }, (_, i) => (original - Math.floor(i * (original / steps))) * stride - 1)
}
