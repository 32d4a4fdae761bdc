import { oneOf, readConfig, type SchedulerConfig } from './shared/config'
import type { RunOptions } from './shared/scheduler'
import { moveTo, SigmaScheduler, sigmaSchedule, type SigmaSchedulerConfig } from './shared/sigma-scheduler'
import { exponential } from './shared/sigmas'

const CLASS_NAME = 'EulerDiscreteScheduler'

const DEFAULTS = {
  num_train_timesteps: 1000,
  beta_start: 0.0001,
  beta_end: 0.02,
  beta_schedule: 'linear',
  trained_betas: null as readonly number[] | null,
  prediction_type: 'epsilon',
  interpolation_type: 'linear',
  use_karras_sigmas: false,
  use_exponential_sigmas: false,
  use_beta_sigmas: false,
  sigma_min: null as number | readonly number[] | null,
  sigma_max: null as number | readonly number[] | null,
  timestep_spacing: 'linspace',
  timestep_type: 'discrete',
  steps_offset: 0,
  rescale_betas_zero_snr: false,
  final_sigmas_type: 'zero',
} satisfies SigmaSchedulerConfig & Record<string, unknown>

/** Euler's method (algorithm 2 of arXiv 2206.00364 without churn); diffusers' EulerDiscreteScheduler. */
export class EulerDiscreteScheduler extends SigmaScheduler {
  readonly order = 1

  constructor(given: SchedulerConfig, { steps }: RunOptions) {
    const config = readConfig(CLASS_NAME, DEFAULTS, given)
    const { timesteps, sigmas } = eulerSchedule(config, steps)
    super(CLASS_NAME, config, timesteps, sigmas, ['epsilon', 'v_prediction', 'sample'])
  }

  drawsNoise(): boolean {
    return false
  }

  step(modelOutput: Float32Array, iteration: number, sample: Float32Array): Float32Array {
    const sigma = this.sigmas[iteration]!
    return moveTo(this.sigmas[iteration + 1]!, sigma, sample, this.predictedOriginal(sigma, modelOutput, sample))
  }
}

function eulerSchedule(config: typeof DEFAULTS, steps: number): { timesteps: number[]; sigmas: Float32Array } {
  const interpolation = oneOf(CLASS_NAME, 'interpolation_type', config.interpolation_type, ['linear', 'log_linear'])
  const last = oneOf(CLASS_NAME, 'final_sigmas_type', config.final_sigmas_type, ['zero', 'sigma_min'])
  const type = oneOf(CLASS_NAME, 'timestep_type', config.timestep_type, ['discrete', 'continuous'])
  const schedule = sigmaSchedule(CLASS_NAME, config, steps)
  const { trainSigmas } = schedule
  const chosen =
    interpolation === 'log_linear' && !config.use_karras_sigmas && !config.use_exponential_sigmas
      ? exponential(trainSigmas.at(-1)!, trainSigmas[0]!, steps + 1)
      : schedule.sigmas
  const sigmas = Float32Array.from([...chosen, last === 'zero' ? 0 : trainSigmas[0]!])
  const timesteps =
    type === 'continuous' && config.prediction_type === 'v_prediction'
      ? [...sigmas.slice(0, -1)].map((sigma) => 0.25 * Math.log(sigma))
      : schedule.timesteps
  return { timesteps: timesteps.slice(0, steps).map(Math.fround), sigmas }
}
