import { combine } from './shared/arithmetic'
import { requiredNoise } from './shared/alpha-scheduler'
import { readConfig, type SchedulerConfig } from './shared/config'
import type { RunOptions, StepOptions } from './shared/scheduler'
import {
  ancestralSigmas,
  moveTo,
  SigmaScheduler,
  sigmaSchedule,
  type SigmaSchedulerConfig,
} from './shared/sigma-scheduler'

const CLASS_NAME = 'EulerAncestralDiscreteScheduler'

const DEFAULTS = {
  num_train_timesteps: 1000,
  beta_start: 0.0001,
  beta_end: 0.02,
  beta_schedule: 'linear',
  trained_betas: null as readonly number[] | null,
  prediction_type: 'epsilon',
  timestep_spacing: 'linspace',
  steps_offset: 0,
  rescale_betas_zero_snr: false,
} satisfies SigmaSchedulerConfig & Record<string, unknown>

/** Euler's method with fresh noise in every step (k-diffusion); diffusers' EulerAncestralDiscreteScheduler. */
export class EulerAncestralDiscreteScheduler extends SigmaScheduler {
  readonly order = 1

  constructor(given: SchedulerConfig, { steps }: RunOptions) {
    const config = readConfig(CLASS_NAME, DEFAULTS, given)
    const { timesteps, sigmas } = sigmaSchedule(CLASS_NAME, config, steps)
    const withZero = Float32Array.from([...sigmas, 0])
    super(CLASS_NAME, config, timesteps.map(Math.fround), withZero, ['epsilon', 'v_prediction'])
  }

  drawsNoise(): boolean {
    return true
  }

  step(modelOutput: Float32Array, iteration: number, sample: Float32Array, options: StepOptions = {}): Float32Array {
    const sigma = this.sigmas[iteration]!
    const original = this.predictedOriginal(sigma, modelOutput, sample)
    const { down, up } = ancestralSigmas(sigma, this.sigmas[iteration + 1]!)
    return combine([1, moveTo(down, sigma, sample, original)], [up, requiredNoise(options)])
  }
}
