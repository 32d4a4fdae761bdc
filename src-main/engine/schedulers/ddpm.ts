import { combine } from './shared/arithmetic'
import { AlphaScheduler, requiredNoise, type AlphaConfig } from './shared/alpha-scheduler'
import { oneOf, readConfig, type SchedulerConfig } from './shared/config'
import type { RunOptions, StepOptions } from './shared/scheduler'
import { roundHalfToEven, spacedTimesteps, type SpacingConfig } from './shared/spacing'

const CLASS_NAME = 'DDPMScheduler'
const VARIANCE_TYPES = ['fixed_small', 'fixed_small_log', 'fixed_large'] as const
const LEAST_VARIANCE = 1e-20

const DEFAULTS = {
  num_train_timesteps: 1000,
  beta_start: 0.0001,
  beta_end: 0.02,
  beta_schedule: 'linear',
  trained_betas: null as readonly number[] | null,
  variance_type: 'fixed_small',
  clip_sample: true,
  prediction_type: 'epsilon',
  thresholding: false,
  dynamic_thresholding_ratio: 0.995,
  clip_sample_range: 1,
  sample_max_value: 1,
  timestep_spacing: 'leading',
  steps_offset: 0,
  rescale_betas_zero_snr: false,
} satisfies AlphaConfig & SpacingConfig & Record<string, unknown>

/** Ancestral sampling of denoising diffusion (arXiv 2006.11239); diffusers' DDPMScheduler without learned variance. */
export class DDPMScheduler extends AlphaScheduler {
  private readonly varianceType: (typeof VARIANCE_TYPES)[number]

  constructor(given: SchedulerConfig, { steps }: RunOptions) {
    const config = readConfig(CLASS_NAME, DEFAULTS, given)
    super(CLASS_NAME, config, spacedTimesteps(CLASS_NAME, config, steps).map(roundHalfToEven))
    this.varianceType = oneOf(CLASS_NAME, 'variance_type', config.variance_type, VARIANCE_TYPES)
  }

  drawsNoise(iteration: number): boolean {
    return this.timesteps[iteration]! > 0
  }

  step(modelOutput: Float32Array, iteration: number, sample: Float32Array, options: StepOptions = {}): Float32Array {
    const previous = this.timesteps[iteration + 1]
    const alpha = this.alphasCumprod[this.timesteps[iteration]!]!
    const previousAlpha = previous === undefined ? 1 : this.alphasCumprod[previous]!
    const currentAlpha = alpha / previousAlpha
    const original = this.limited(this.predictedOriginal(alpha, modelOutput, sample), options)
    const next = [
      [(Math.sqrt(previousAlpha) * (1 - currentAlpha)) / (1 - alpha), original],
      [(Math.sqrt(currentAlpha) * (1 - previousAlpha)) / (1 - alpha), sample],
    ] as const
    if (!this.drawsNoise(iteration)) return combine(...next)
    const small = Math.max(LEAST_VARIANCE, ((1 - previousAlpha) / (1 - alpha)) * (1 - currentAlpha))
    const variance = this.varianceType === 'fixed_large' ? 1 - currentAlpha : small
    return combine(...next, [Math.sqrt(variance), requiredNoise(options)])
  }
}
