import { combine, type Term } from './shared/arithmetic'
import { readConfig, type SchedulerConfig } from './shared/config'
import type { RunOptions } from './shared/scheduler'
import { SigmaScheduler, sigmaSchedule, type SigmaSchedulerConfig } from './shared/sigma-scheduler'

const CLASS_NAME = 'LMSDiscreteScheduler'
const MOST_DERIVATIVES = 4
const GAUSS_POINT = 1 / Math.sqrt(3)

const DEFAULTS = {
  num_train_timesteps: 1000,
  beta_start: 0.0001,
  beta_end: 0.02,
  beta_schedule: 'linear',
  trained_betas: null as readonly number[] | null,
  use_karras_sigmas: false,
  use_exponential_sigmas: false,
  use_beta_sigmas: false,
  prediction_type: 'epsilon',
  timestep_spacing: 'linspace',
  steps_offset: 0,
} satisfies SigmaSchedulerConfig & Record<string, unknown>

/** Linear multistep of order 4 in σ (k-diffusion); diffusers' LMSDiscreteScheduler. */
export class LMSDiscreteScheduler extends SigmaScheduler {
  readonly order = 1
  /** Latest first. */
  private derivatives: Float32Array[] = []

  constructor(given: SchedulerConfig, { steps }: RunOptions) {
    const config = readConfig(CLASS_NAME, DEFAULTS, given)
    const { timesteps, sigmas } = sigmaSchedule(CLASS_NAME, config, steps)
    const withZero = Float32Array.from([...sigmas, 0])
    super(CLASS_NAME, config, timesteps.map(Math.fround), withZero, ['epsilon', 'v_prediction', 'sample'])
  }

  drawsNoise(): boolean {
    return false
  }

  step(modelOutput: Float32Array, iteration: number, sample: Float32Array): Float32Array {
    const sigma = this.sigmas[iteration]!
    const original = this.predictedOriginal(sigma, modelOutput, sample)
    const derivative = combine([1 / sigma, sample], [-1 / sigma, original])
    this.derivatives = [derivative, ...this.derivatives.slice(0, MOST_DERIVATIVES - 1)]
    const order = Math.min(iteration + 1, MOST_DERIVATIVES)
    const terms = this.derivatives
      .slice(0, order)
      .map((values, k): Term => [this.coefficient(order, iteration, k), values])
    return combine([1, sample], ...terms)
  }

  /** ∫ of the k-th Lagrange polynomial over the step, exact: two Gauss points integrate up to degree 3. */
  private coefficient(order: number, iteration: number, current: number): number {
    const node = (k: number): number => this.sigmas[iteration - k]!
    const basis = (tau: number): number => {
      let product = 1
      for (let k = 0; k < order; k++) if (k !== current) product *= (tau - node(k)) / (node(current) - node(k))
      return product
    }
    const [from, to] = [this.sigmas[iteration]!, this.sigmas[iteration + 1]!]
    const [middle, half] = [(from + to) / 2, (to - from) / 2]
    return half * (basis(middle - half * GAUSS_POINT) + basis(middle + half * GAUSS_POINT))
  }
}
