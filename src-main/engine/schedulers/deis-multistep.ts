import { combine, type Term } from './shared/arithmetic'
import { oneOf, readConfig, type SchedulerConfig } from './shared/config'
import { FEW_STEPS } from './dpmsolver-multistep'
import type { RunOptions, StepOptions } from './shared/scheduler'
import { SolverScheduler, solverSchedule, type SolverConfig } from './shared/solver-scheduler'

const CLASS_NAME = 'DEISMultistepScheduler'

const DEFAULTS = {
  num_train_timesteps: 1000,
  beta_start: 0.0001,
  beta_end: 0.02,
  beta_schedule: 'linear',
  trained_betas: null as readonly number[] | null,
  solver_order: 2,
  prediction_type: 'epsilon',
  thresholding: false,
  dynamic_thresholding_ratio: 0.995,
  sample_max_value: 1,
  algorithm_type: 'deis',
  solver_type: 'logrho',
  lower_order_final: true,
  use_karras_sigmas: false,
  use_exponential_sigmas: false,
  use_beta_sigmas: false,
  use_flow_sigmas: false,
  timestep_spacing: 'linspace',
  steps_offset: 0,
  use_dynamic_shifting: false,
} satisfies SolverConfig & Record<string, unknown>

/** Diffusion exponential integrator in log ρ (arXiv 2204.13902), orders 1 to 3; diffusers' DEISMultistepScheduler. */
export class DEISMultistepScheduler extends SolverScheduler {
  private readonly lowers: boolean
  private stepsDone = 0

  constructor(given: SchedulerConfig, { steps }: RunOptions) {
    const config = readConfig(CLASS_NAME, DEFAULTS, given)
    // Names of other solvers, from whose files a config may come, mean DEIS' own.
    oneOf(CLASS_NAME, 'algorithm_type', config.algorithm_type, ['deis', 'dpmsolver', 'dpmsolver++'])
    oneOf(CLASS_NAME, 'solver_type', config.solver_type, ['logrho', 'midpoint', 'heun', 'bh1', 'bh2'])
    const final = (spread: boolean) => (spread ? 'last' : 'sigma_min')
    super(CLASS_NAME, config, solverSchedule(CLASS_NAME, config, steps, { final, rounded: true }))
    this.lowers = config.lower_order_final && steps < FEW_STEPS
  }

  drawsNoise(): boolean {
    return false
  }

  step(modelOutput: Float32Array, iteration: number, sample: Float32Array, options: StepOptions = {}): Float32Array {
    this.remember(this.predictedNoise(iteration, modelOutput, sample, options))
    const left = this.timesteps.length - iteration
    const order = Math.min(this.solverOrder, ++this.stepsDone, this.lowers ? left : Infinity)
    const [start, end] = [this.place(iteration), this.place(iteration + 1)]
    const nodes = Array.from({ length: order }, (_, back) => rho(this.sigmas[iteration - back]!))
    const outputs = this.outputs.toReversed()
    const terms = nodes.map((_, i): Term => {
      const integral = integralOfBasis(nodes, i, nodes[0]!, rho(this.sigmas[iteration + 1]!))
      return [end.alpha * integral, outputs[i]!]
    })
    return combine([end.alpha / start.alpha, sample], ...terms)
  }
}

const { fround } = Math

/** σ_t / α_t as diffusers computes it from σ, each operation rounded to float32. */
function rho(sigma: number): number {
  const alpha = fround(1 / fround(Math.sqrt(fround(fround(sigma * sigma) + 1))))
  return fround(fround(sigma * alpha) / alpha)
}

/**
 * ∫ dρ over the step of the i-th Lagrange polynomial in log ρ through the nodes. In float32 throughout: the integral is
 * a small difference of large terms, and what diffusers loses there is a part of its samples.
 */
function integralOfBasis(nodes: readonly number[], i: number, from: number, to: number): number {
  const logs = nodes.map((node) => fround(Math.log(node)))
  // Cyclic from i on, the order in which diffusers passes them.
  const [own, ...others] = [...logs.slice(i), ...logs.slice(0, i)]
  return fround(antiderivative(own!, others, to) - antiderivative(own!, others, from))
}

function antiderivative(own: number, [c, d]: readonly number[], x: number): number {
  const log = fround(Math.log(x))
  if (c === undefined) return x
  if (d === undefined) return fround(fround(x * fround(fround(log - c) - 1)) / fround(own - c))
  const terms = [fround(c * fround(fround(d - log) + 1)), -fround(d * log), d, fround(log * log), -fround(2 * log), 2]
  const sum = terms.reduce((total, term) => fround(total + term))
  return fround(fround(x * sum) / fround(fround(own - c) * fround(own - d)))
}
