import { symmetricEigen } from '../../../linear-algebra/symmetric-eigen'
import { quantile } from '../../losses/bootstrap'
import type { UnitValues } from '../objectives/objective'

/** Of the mean of the diagonal: what keeps points that nearly coincide from being played off against each other. */
const RIDGE = 1e-4
/** Of the kernel, in median distances of the points: smooth over all of them. */
const WIDTH = 2
/** Older trials lie far from where the search is now. */
const MOST_POINTS = 100

/** A trial that was measured whole. */
export interface MeasuredPoint {
  coordinates: readonly number[]
  values: UnitValues
}

/**
 * By how much each unit's value at a point is expected to differ from that at another one: by kernel ridge
 * regression (Gaussian) on trials that were measured whole. What is learnt is the same combination of trials for all units.
 * @param points the one that it differs from among them
 */
export function expectedDifferences(
  at: readonly number[],
  from: MeasuredPoint,
  points: readonly MeasuredPoint[],
): Float64Array[] {
  const others = points.filter((point) => point !== from).slice(-MOST_POINTS)
  const expected = from.values.map(({ length }) => new Float64Array(length))
  if (others.length === 0) return expected
  const offset = (point: readonly number[]): number[] => point.map((value, i) => value - from.coordinates[i]!)
  const steps = others.map(({ coordinates }) => offset(coordinates))
  const own = offset(at)
  ridgeWeights(steps, own).forEach((weight, index) =>
    expected.forEach((sums, stratum) => {
      const [values, start] = [others[index]!.values[stratum]!, from.values[stratum]!]
      for (let place = 0; place < sums.length; place++) sums[place]! += weight * (values[place]! - start[place]!)
    }),
  )
  return expected
}

/** Weights of the steps in what is expected of another step: (K + λ)⁻¹ k, with a kernel that is 0 where no step is made. */
function ridgeWeights(steps: readonly (readonly number[])[], own: readonly number[]): number[] {
  const n = steps.length
  const kernel = kernelOf(steps)
  const gram = new Float64Array(n * n)
  steps.forEach((a, i) => steps.forEach((b, j) => (gram[i * n + j] = kernel(a, b))))
  const trace = steps.reduce((sum, _, i) => sum + gram[i * n + i]!, 0)
  if (trace === 0) return steps.map(() => 0)
  const right = steps.map((step) => kernel(step, own))
  const { values, vectors } = symmetricEigen(gram, n)
  const ridge = (RIDGE * trace) / n
  const along = Array.from(values, (value, k) => {
    const part = right.reduce((sum, number, i) => sum + number * vectors[i * n + k]!, 0)
    return part / (Math.max(0, value) + ridge)
  })
  return steps.map((_, i) => along.reduce((sum, number, k) => sum + number * vectors[i * n + k]!, 0))
}

/** A Gaussian, less what it says of the place where no step is made. */
function kernelOf(steps: readonly (readonly number[])[]): (a: readonly number[], b: readonly number[]) => number {
  const lengths = steps.map((step) => Math.hypot(...step)).sort((a, b) => a - b)
  const width = WIDTH * quantile(lengths, 0.5) || 1
  const gaussian = (square: number): number => Math.exp(-square / (2 * width ** 2))
  const squared = (values: readonly number[]): number => values.reduce((sum, value) => sum + value ** 2, 0)
  return (a, b) =>
    gaussian(squared(a.map((value, i) => value - b[i]!))) - gaussian(squared(a)) - gaussian(squared(b)) + 1
}
