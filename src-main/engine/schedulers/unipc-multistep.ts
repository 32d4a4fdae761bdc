import { combine, difference, type Term } from './shared/arithmetic'
import { oneOf, readConfig, unsupported, type SchedulerConfig } from './shared/config'
import type { RunOptions, StepOptions } from './shared/scheduler'
import { SolverScheduler, solverSchedule, type SolverConfig } from './shared/solver-scheduler'

const CLASS_NAME = 'UniPCMultistepScheduler'

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
  predict_x0: true,
  solver_type: 'bh2',
  lower_order_final: true,
  disable_corrector: [] as readonly number[],
  use_karras_sigmas: false,
  use_exponential_sigmas: false,
  use_beta_sigmas: false,
  use_flow_sigmas: false,
  timestep_spacing: 'linspace',
  steps_offset: 0,
  final_sigmas_type: 'zero',
  rescale_betas_zero_snr: false,
  use_dynamic_shifting: false,
  sigma_min: null as number | readonly number[] | null,
  sigma_max: null as number | readonly number[] | null,
} satisfies SolverConfig & Record<string, unknown>

/** Unified predictor-corrector (arXiv 2302.04867), orders 1 to 3; diffusers' UniPCMultistepScheduler. */
export class UniPCMultistepScheduler extends SolverScheduler {
  private readonly config: typeof DEFAULTS
  private readonly solver: 'bh1' | 'bh2'
  private stepsDone = 0
  /** The sample that the last prediction started from, and the prediction's order. */
  private last: { sample: Float32Array; order: number } | undefined

  constructor(given: SchedulerConfig, { steps }: RunOptions) {
    const config = readConfig(CLASS_NAME, DEFAULTS, given)
    for (const key of ['solver_p', 'shift_terminal']) {
      if (given[key] !== undefined && given[key] !== null) throw unsupported(CLASS_NAME, key, given[key], [])
    }
    const type = oneOf(CLASS_NAME, 'final_sigmas_type', config.final_sigmas_type, ['zero', 'sigma_min'])
    const final = (spread: boolean) => (type === 'sigma_min' && spread ? 'last' : type)
    super(CLASS_NAME, config, solverSchedule(CLASS_NAME, config, steps, { final, rounded: true }))
    this.config = config
    // Names of other solvers, from whose files a config may come, mean the default.
    const solver = ['midpoint', 'heun', 'logrho'].includes(config.solver_type) ? 'bh2' : config.solver_type
    this.solver = oneOf(CLASS_NAME, 'solver_type', solver, ['bh1', 'bh2'])
  }

  drawsNoise(): boolean {
    return false
  }

  step(modelOutput: Float32Array, iteration: number, sample: Float32Array, options: StepOptions = {}): Float32Array {
    const output = this.config.predict_x0
      ? this.predictedOriginal(iteration, modelOutput, sample, options)
      : this.predictedNoise(iteration, modelOutput, sample, options, false)
    const { last } = this
    const corrects = last !== undefined && !this.config.disable_corrector.includes(iteration - 1)
    const current = corrects ? this.update(iteration, last.sample, last.order, output) : sample
    this.remember(output)
    const left = this.config.lower_order_final ? this.timesteps.length - iteration : Infinity
    const order = Math.min(this.solverOrder, ++this.stepsDone, left)
    this.last = { sample: current, order }
    return this.update(iteration + 1, current, order)
  }

  /**
   * UniP from the place before `end` to it; with the model's `output` at `end`, UniC. Earlier outputs are those at the
   * places before `end`.
   */
  private update(end: number, sample: Float32Array, order: number, output?: Float32Array): Float32Array {
    const { predict_x0: predictsOriginal } = this.config
    const [target, start] = [this.place(end), this.place(end - 1)]
    const h = target.lambda - start.lambda
    const signed = predictsOriginal ? -h : h
    const growth = Math.expm1(signed)
    const scale = this.solver === 'bh1' ? signed : growth
    const outputs = this.outputs.toReversed()
    const m0 = outputs[0]!
    const ratios = Array.from({ length: order - 1 }, (_, i) => (this.place(end - 2 - i).lambda - start.lambda) / h)
    const weights = output
      ? order === 1
        ? [0.5]
        : differenceWeights([...ratios, 1], signed, scale)
      : order === 2
        ? [0.5]
        : differenceWeights(ratios, signed, scale)
    const [sampleFactor, factor] = predictsOriginal
      ? [target.sigma / start.sigma, -target.alpha]
      : [target.alpha / start.alpha, -target.sigma]
    const terms = weights.flatMap((weight, i): Term[] =>
      i < ratios.length
        ? difference((factor * scale * weight) / ratios[i]!, outputs[i + 1]!, m0)
        : difference(factor * scale * weight, output!, m0),
    )
    return combine([sampleFactor, sample], [factor * growth, m0], ...terms)
  }
}

/** Solves Σ ρ_k r_k^(i−1) = b_i, the order conditions of the paper's theorem 3.1. */
function differenceWeights(ratios: readonly number[], signed: number, scale: number): number[] {
  let phi = Math.expm1(signed) / signed - 1
  let factorial = 1
  const rows = ratios.map((_, i) => {
    const row = [...ratios.map((ratio) => ratio ** i), (phi * factorial) / scale]
    factorial *= i + 2
    phi = phi / signed - 1 / factorial
    return row
  })
  return solve(rows)
}

/** Gauss-Jordan elimination of a small augmented matrix, with pivoting. */
function solve(rows: number[][]): number[] {
  const size = rows.length
  for (let column = 0; column < size; column++) {
    const pivotAt = rows.findIndex(
      (row, i) =>
        i >= column && rows.slice(column).every((other) => Math.abs(other[column]!) <= Math.abs(row[column]!)),
    )
    if (pivotAt < 0) return rows.map(() => Number.NaN)
    const pivot = rows[pivotAt]!
    rows[pivotAt] = rows[column]!
    rows[column] = pivot
    rows.forEach((row, i) => {
      if (i === column) return
      const factor = row[column]! / pivot[column]!
      row.forEach((value, j) => (row[j] = value - factor * pivot[j]!))
    })
  }
  return rows.map((row, i) => row[size]! / row[i]!)
}
