import { combine } from './shared/arithmetic'
import { AlphaScheduler, requiredNoise, type AlphaConfig } from './shared/alpha-scheduler'
import { readConfig, type SchedulerConfig } from './shared/config'
import type { RunOptions, StepOptions } from './shared/scheduler'
import { roundHalfToEven, spacedTimesteps, type SpacingConfig } from './shared/spacing'

const CLASS_NAME = 'DDIMScheduler'

const DEFAULTS = {
  num_train_timesteps: 1000,
  beta_start: 0.0001,
  beta_end: 0.02,
  beta_schedule: 'linear',
  trained_betas: null as readonly number[] | null,
  clip_sample: true,
  set_alpha_to_one: true,
  steps_offset: 0,
  prediction_type: 'epsilon',
  thresholding: false,
  dynamic_thresholding_ratio: 0.995,
  clip_sample_range: 1,
  sample_max_value: 1,
  timestep_spacing: 'leading',
  rescale_betas_zero_snr: false,
} satisfies AlphaConfig & SpacingConfig & Record<string, unknown>

/** Denoising diffusion implicit models (arXiv 2010.02502); diffusers' DDIMScheduler. */
export class DDIMScheduler extends AlphaScheduler {
  private readonly stride: number
  private readonly finalAlpha: number
  private readonly eta: number

  constructor(given: SchedulerConfig, { steps, eta = 0 }: RunOptions) {
    const config = readConfig(CLASS_NAME, DEFAULTS, given)
    super(CLASS_NAME, config, spacedTimesteps(CLASS_NAME, config, steps).map(roundHalfToEven))
    this.stride = Math.floor(config.num_train_timesteps / steps)
    this.finalAlpha = config.set_alpha_to_one ? 1 : this.alphasCumprod[0]!
    this.eta = eta
  }

  drawsNoise(): boolean {
    return this.eta > 0
  }

  step(modelOutput: Float32Array, iteration: number, sample: Float32Array, options: StepOptions = {}): Float32Array {
    const timestep = this.timesteps[iteration]!
    const previous = timestep - this.stride
    const alpha = this.alphasCumprod[timestep]!
    const previousAlpha = previous >= 0 ? this.alphasCumprod[previous]! : this.finalAlpha
    const original = this.limited(this.predictedOriginal(alpha, modelOutput, sample), options)
    const epsilon = this.predictedNoise(alpha, modelOutput, sample)
    const deviation = this.eta * Math.sqrt(((1 - previousAlpha) / (1 - alpha)) * (1 - alpha / previousAlpha))
    const direction = Math.sqrt(1 - previousAlpha - deviation ** 2)
    const next = [
      [Math.sqrt(previousAlpha), original],
      [direction, epsilon],
    ] as const
    return this.eta > 0 ? combine(...next, [deviation, requiredNoise(options)]) : combine(...next)
  }
}
