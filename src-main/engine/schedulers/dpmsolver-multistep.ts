import { FusionError } from '../../contract/errors'
import { combine, difference, scaled } from './shared/arithmetic'
import { requiredNoise } from './shared/alpha-scheduler'
import { oneOf, readConfig, unsupported, type SchedulerConfig } from './shared/config'
import {
  ALGORITHM_TYPES,
  dpmSolverTerms,
  isStochastic,
  predictsOriginal,
  SOLVER_TYPES,
  type AlgorithmType,
  type Derivatives,
  type SolverType,
} from './shared/dpmsolver-update'
import type { RunOptions, StepOptions } from './shared/scheduler'
import { SolverScheduler, solverSchedule, type SolverConfig } from './shared/solver-scheduler'

const CLASS_NAME = 'DPMSolverMultistepScheduler'
/** Below this many steps, diffusers ends with lower orders for stability. */
export const FEW_STEPS = 15

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
  algorithm_type: 'dpmsolver++',
  solver_type: 'midpoint',
  lower_order_final: true,
  euler_at_final: false,
  use_karras_sigmas: false,
  use_exponential_sigmas: false,
  use_beta_sigmas: false,
  use_lu_lambdas: false,
  use_flow_sigmas: false,
  final_sigmas_type: 'zero',
  lambda_min_clipped: null as number | readonly number[] | null,
  timestep_spacing: 'linspace',
  steps_offset: 0,
  rescale_betas_zero_snr: false,
  use_dynamic_shifting: false,
} satisfies SolverConfig & Record<string, unknown>

/** DPM-Solver and DPM-Solver++, multistep, orders 1 to 3, also stochastic; diffusers' DPMSolverMultistepScheduler. */
export class DPMSolverMultistepScheduler extends SolverScheduler {
  private readonly config: typeof DEFAULTS
  private readonly algorithm: AlgorithmType
  private readonly solver: SolverType
  private stepsDone = 0

  constructor(given: SchedulerConfig, { steps }: RunOptions) {
    const config = readConfig(CLASS_NAME, DEFAULTS, given)
    const final = oneOf(CLASS_NAME, 'final_sigmas_type', config.final_sigmas_type, ['zero', 'sigma_min'])
    const rounded = config.beta_schedule !== 'squaredcos_cap_v2'
    super(CLASS_NAME, config, solverSchedule(CLASS_NAME, config, steps, { final: () => final, rounded }))
    const { algorithm, solver } = dpmSolverTypes(CLASS_NAME, config, given)
    if (algorithm === 'sde-dpmsolver' && config.solver_order === 3) {
      throw unsupported(CLASS_NAME, 'solver_order', 3, ['1', '2'])
    }
    this.config = config
    this.algorithm = algorithm
    this.solver = solver
  }

  drawsNoise(): boolean {
    return isStochastic(this.algorithm)
  }

  step(modelOutput: Float32Array, iteration: number, sample: Float32Array, options: StepOptions = {}): Float32Array {
    const output = predictsOriginal(this.algorithm)
      ? this.predictedOriginal(iteration, modelOutput, sample, options)
      : this.predictedNoise(iteration, modelOutput, sample, options)
    this.remember(output)
    const order = this.orderOf(iteration)
    this.stepsDone++
    const places = [this.place(iteration), this.place(iteration + 1)] as const
    const noise = this.drawsNoise() ? requiredNoise(options) : undefined
    const solver = order === 3 ? 'heun' : this.solver
    const derivatives = this.derivatives(order, iteration)
    return combine(...dpmSolverTerms(this.algorithm, solver, places, sample, derivatives, noise))
  }

  private orderOf(iteration: number): number {
    const { lower_order_final, euler_at_final, final_sigmas_type } = this.config
    const count = this.timesteps.length
    const lowers = lower_order_final && count < FEW_STEPS
    const known = Math.min(this.solverOrder, this.stepsDone + 1)
    if (iteration === count - 1 && (euler_at_final || lowers || final_sigmas_type === 'zero')) return 1
    return iteration === count - 2 && lowers ? Math.min(2, known) : known
  }

  private derivatives(order: number, iteration: number): Derivatives {
    const [m0, m1, m2] = this.outputs.toReversed()
    const lambda = (back: number): number => this.place(iteration + 1 - back).lambda
    const d0 = [[1, m0!]] as const
    if (order === 1) return { d0 }
    const h = lambda(0) - lambda(1)
    const r0 = (lambda(1) - lambda(2)) / h
    const near = difference(1 / r0, m0!, m1!)
    if (order === 2) return { d0, d1: near }
    const r1 = (lambda(2) - lambda(3)) / h
    const change = [...near, ...difference(-1 / r1, m1!, m2!)]
    return { d0, d1: [...near, ...scaled(r0 / (r0 + r1), change)], d2: scaled(1 / (r0 + r1), change) }
  }
}

/**
 * algorithm_type and solver_type of a DPM-Solver; names of DEIS and UniPC, from whose files a config may come, mean the
 * defaults, as in diffusers.
 */
export function dpmSolverTypes(
  className: string,
  config: { algorithm_type: string; solver_type: string; final_sigmas_type: string },
  given: SchedulerConfig,
): { algorithm: AlgorithmType; solver: SolverType } {
  const { variance_type: variance } = given
  if (variance === 'learned' || variance === 'learned_range') {
    throw unsupported(className, 'variance_type', variance, [])
  }
  const algorithmType = config.algorithm_type === 'deis' ? 'dpmsolver++' : config.algorithm_type
  const solverType = ['logrho', 'bh1', 'bh2'].includes(config.solver_type) ? 'midpoint' : config.solver_type
  const algorithm = oneOf(className, 'algorithm_type', algorithmType, ALGORITHM_TYPES)
  if (!predictsOriginal(algorithm) && config.final_sigmas_type === 'zero') {
    throw new FusionError('validation', `${className}: algorithm_type ${algorithm} cannot end at a sigma of zero.`, {
      hint: 'Set final_sigmas_type to sigma_min, or choose dpmsolver++.',
    })
  }
  return { algorithm, solver: oneOf(className, 'solver_type', solverType, SOLVER_TYPES) }
}
