import { combine, difference, scaled } from './shared/arithmetic'
import { requiredNoise } from './shared/alpha-scheduler'
import { oneOf, readConfig, unsupported, type SchedulerConfig } from './shared/config'
import { dpmSolverTypes } from './dpmsolver-multistep'
import {
  dpmSolverTerms,
  isStochastic,
  predictsOriginal,
  type AlgorithmType,
  type Derivatives,
  type SolverType,
} from './shared/dpmsolver-update'
import type { RunOptions, StepOptions } from './shared/scheduler'
import { SolverScheduler, solverSchedule, type SolverConfig } from './shared/solver-scheduler'

const CLASS_NAME = 'DPMSolverSinglestepScheduler'

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
  lower_order_final: false,
  use_karras_sigmas: false,
  use_exponential_sigmas: false,
  use_beta_sigmas: false,
  use_flow_sigmas: false,
  final_sigmas_type: 'zero',
  lambda_min_clipped: null as number | readonly number[] | null,
  use_dynamic_shifting: false,
} satisfies SolverConfig & Record<string, unknown>

/** DPM-Solver and DPM-Solver++, single step (2S, 3S): diffusers' DPMSolverSinglestepScheduler. */
export class DPMSolverSinglestepScheduler extends SolverScheduler {
  private readonly algorithm: AlgorithmType
  private readonly solver: SolverType
  private readonly orders: readonly number[]
  /** Where the running group of calls started. */
  private base: Float32Array | undefined

  constructor(given: SchedulerConfig, { steps }: RunOptions) {
    const config = readConfig(CLASS_NAME, DEFAULTS, given)
    const final = oneOf(CLASS_NAME, 'final_sigmas_type', config.final_sigmas_type, ['zero', 'sigma_min'])
    super(CLASS_NAME, config, solverSchedule(CLASS_NAME, config, steps, { final: () => final, rounded: true }))
    const { algorithm, solver } = dpmSolverTypes(CLASS_NAME, config, given)
    if (algorithm === 'sde-dpmsolver') throw unsupported(CLASS_NAME, 'algorithm_type', algorithm, ['sde-dpmsolver++'])
    this.algorithm = algorithm
    this.solver = solver
    const lowers = config.lower_order_final || steps % config.solver_order !== 0 || final === 'zero'
    this.orders = orderList(steps, config.solver_order, lowers, final === 'zero')
  }

  drawsNoise(): boolean {
    return isStochastic(this.algorithm)
  }

  step(modelOutput: Float32Array, iteration: number, sample: Float32Array, options: StepOptions = {}): Float32Array {
    const output = predictsOriginal(this.algorithm)
      ? this.predictedOriginal(iteration, modelOutput, sample, options)
      : this.predictedNoise(iteration, modelOutput, sample, options)
    this.remember(output)
    const order = Math.min(this.orders[iteration]!, this.outputs.length)
    if (order === 1 || !this.base) this.base = sample
    const places = [this.place(iteration + 1 - order), this.place(iteration + 1)] as const
    const noise = this.drawsNoise() ? requiredNoise(options) : undefined
    const derivatives = this.derivatives(order, iteration)
    return combine(...dpmSolverTerms(this.algorithm, this.solverOf(order), places, this.base, derivatives, noise))
  }

  /** The third order's "midpoint" leaves its second difference out, but weighs the first as Heun's rule does. */
  private solverOf(order: number): SolverType {
    return order === 3 ? 'heun' : this.solver
  }

  private derivatives(order: number, iteration: number): Derivatives {
    const [m0, m1, m2] = this.outputs.toReversed()
    const lambda = (back: number): number => this.place(iteration + 1 - back).lambda
    if (order === 1) return { d0: [[1, m0!]] }
    const h = lambda(0) - lambda(order)
    const r0 = (lambda(1) - lambda(order)) / h
    if (order === 2) return { d0: [[1, m1!]], d1: difference(1 / r0, m0!, m1!) }
    const r1 = (lambda(2) - lambda(3)) / h
    const far = difference(1 / r0, m0!, m2!)
    const near = difference(1 / r1, m1!, m2!)
    const d0 = [[1, m2!]] as const
    if (this.solver === 'midpoint') return { d0, d1: far }
    return {
      d0,
      d1: [...scaled(r0 / (r0 - r1), near), ...scaled(-r1 / (r0 - r1), far)],
      d2: [...scaled(2 / (r0 - r1), far), ...scaled(-2 / (r0 - r1), near)],
    }
  }
}

/** The order of each call: groups of 1, 2 (, 3), with lower ones at the end so that every number of steps fits. */
function orderList(steps: number, order: number, lowerAtEnd: boolean, zeroAtEnd: boolean): number[] {
  const group = Array.from({ length: order }, (_, i) => i + 1)
  const groups = (count: number): number[] => Array.from({ length: Math.max(0, count) }, () => group).flat()
  const rest = steps % order
  let orders = groups(Math.floor(steps / order))
  if (lowerAtEnd && order > 1) {
    if (rest === 0) orders = [...groups(steps / order - 1), ...group.slice(0, -1), 1]
    else orders = [...orders, ...group.slice(0, rest)]
  }
  return zeroAtEnd ? [...orders.slice(0, -1), 1] : orders
}
