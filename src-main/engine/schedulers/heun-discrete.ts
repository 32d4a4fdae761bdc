import { combine, limited } from './shared/arithmetic'
import { readConfig, type SchedulerConfig } from './shared/config'
import type { RunOptions, StepOptions } from './shared/scheduler'
import { interleaved, SigmaScheduler, sigmaSchedule, type SigmaSchedulerConfig } from './shared/sigma-scheduler'

const CLASS_NAME = 'HeunDiscreteScheduler'

const DEFAULTS = {
  num_train_timesteps: 1000,
  beta_start: 0.00085,
  beta_end: 0.012,
  beta_schedule: 'linear',
  trained_betas: null as readonly number[] | null,
  prediction_type: 'epsilon',
  use_karras_sigmas: false,
  use_exponential_sigmas: false,
  use_beta_sigmas: false,
  clip_sample: false,
  clip_sample_range: 1,
  timestep_spacing: 'linspace',
  steps_offset: 0,
} satisfies SigmaSchedulerConfig & Record<string, unknown>

/** Heun's method (algorithm 2 of arXiv 2206.00364), two calls per step; diffusers' HeunDiscreteScheduler. */
export class HeunDiscreteScheduler extends SigmaScheduler {
  readonly order = 2
  private first: { sample: Float32Array; derivative: Float32Array } | undefined

  private readonly config: typeof DEFAULTS

  constructor(given: SchedulerConfig, { steps }: RunOptions) {
    const config = readConfig(CLASS_NAME, DEFAULTS, given)
    const { timesteps, sigmas } = sigmaSchedule(CLASS_NAME, config, steps)
    const doubled = timesteps.flatMap((timestep, i) => (i === 0 ? [timestep] : [timestep, timestep]))
    const predictions = ['epsilon', 'v_prediction', 'sample'] as const
    super(CLASS_NAME, config, doubled.map(Math.fround), interleaved([...sigmas, 0]), predictions)
    this.config = config
  }

  drawsNoise(): boolean {
    return false
  }

  step(modelOutput: Float32Array, iteration: number, sample: Float32Array, options: StepOptions = {}): Float32Array {
    const { first } = this
    const from = this.sigmas[first ? iteration - 1 : iteration]!
    const to = this.sigmas[first ? iteration : iteration + 1]!
    const sigma = first ? to : from
    const predicted = this.predictedOriginal(sigma, modelOutput, sample)
    const original = limited(predicted, this.config, options.batchSize)
    const derivative = combine([1 / sigma, sample], [-1 / sigma, original])
    if (!first) {
      this.first = { sample, derivative }
      return combine([1, sample], [to - from, derivative])
    }
    this.first = undefined
    const half = (to - from) / 2
    return combine([1, first.sample], [half, first.derivative], [half, derivative])
  }
}
