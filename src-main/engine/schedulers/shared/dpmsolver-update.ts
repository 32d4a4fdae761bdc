import { scaled, type Term } from './arithmetic'
import type { Place } from './solver-scheduler'

export const ALGORITHM_TYPES = ['dpmsolver++', 'sde-dpmsolver++', 'dpmsolver', 'sde-dpmsolver'] as const
export type AlgorithmType = (typeof ALGORITHM_TYPES)[number]
export const SOLVER_TYPES = ['midpoint', 'heun'] as const
export type SolverType = (typeof SOLVER_TYPES)[number]

/** Whether the solver integrates predicted clean samples (++) rather than predicted noise. */
export function predictsOriginal(algorithm: AlgorithmType): boolean {
  return algorithm.endsWith('++')
}

export function isStochastic(algorithm: AlgorithmType): boolean {
  return algorithm.startsWith('sde')
}

/** The model output along λ: its value at the start of the step and its divided differences, as sums of outputs. */
export interface Derivatives {
  d0: readonly Term[]
  d1?: readonly Term[]
  d2?: readonly Term[]
}

/**
 * One step of DPM-Solver (arXiv 2206.00927), DPM-Solver++ (2211.01095) or their stochastic kin from `start` to `end`, as
 * the terms of its sum.
 */
export function dpmSolverTerms(
  algorithm: AlgorithmType,
  solver: SolverType,
  [start, end]: readonly [Place, Place],
  sample: Float32Array,
  { d0, d1 = [], d2 = [] }: Derivatives,
  noise?: Float32Array,
): Term[] {
  const factors = FACTORS[algorithm](start, end, end.lambda - start.lambda)
  const noiseTerm: Term[] = noise ? [[factors.noise, noise]] : []
  return [
    [factors.sample, sample],
    ...scaled(factors.d0, d0),
    ...(d1.length ? scaled(solver === 'midpoint' ? factors.d0 / 2 : factors.d1, d1) : []),
    ...(d2.length ? scaled(factors.d2, d2) : []),
    ...noiseTerm,
  ]
}

interface Factors {
  sample: number
  d0: number
  /** Heun's and the third order's; the midpoint rule takes half of d0. */
  d1: number
  d2: number
  noise: number
}

const FACTORS: Record<AlgorithmType, (start: Place, end: Place, h: number) => Factors> = {
  'dpmsolver++': (start, end, h) => {
    const growth = Math.expm1(-h)
    return {
      sample: end.sigma / start.sigma,
      d0: -end.alpha * growth,
      d1: end.alpha * (growth / h + 1),
      d2: -end.alpha * ((growth + h) / h ** 2 - 0.5),
      noise: 0,
    }
  },
  dpmsolver: (start, end, h) => {
    const growth = Math.expm1(h)
    return {
      sample: end.alpha / start.alpha,
      d0: -end.sigma * growth,
      d1: -end.sigma * (growth / h - 1),
      d2: -end.sigma * ((growth - h) / h ** 2 - 0.5),
      noise: 0,
    }
  },
  'sde-dpmsolver++': (start, end, h) => {
    const growth = -Math.expm1(-2 * h)
    return {
      sample: (end.sigma / start.sigma) * Math.exp(-h),
      d0: end.alpha * growth,
      d1: end.alpha * (growth / (-2 * h) + 1),
      d2: end.alpha * ((growth - 2 * h) / (2 * h) ** 2 - 0.5),
      noise: end.sigma * Math.sqrt(growth),
    }
  },
  'sde-dpmsolver': (start, end, h) => {
    const growth = Math.expm1(h)
    return {
      sample: end.alpha / start.alpha,
      d0: -2 * end.sigma * growth,
      d1: -2 * end.sigma * (growth / h - 1),
      d2: Number.NaN,
      noise: end.sigma * Math.sqrt(Math.expm1(2 * h)),
    }
  },
}
