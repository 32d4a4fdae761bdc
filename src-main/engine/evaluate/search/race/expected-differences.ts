import { symmetricEigen } from '../../../linear-algebra/symmetric-eigen'
import type { UnitValues } from '../objectives/objective'

/** Of the mean square of the coordinates: what keeps points that nearly coincide from being played off against each other. */
const RIDGE = 1e-3
/** Older trials lie far from where the search is now. */
const MOST_POINTS = 100

/** A trial that was measured whole. */
export interface MeasuredPoint {
  coordinates: readonly number[]
  values: UnitValues
}

/**
 * By how much each unit's value at a point is expected to differ from that at another one: linear in the coordinates, by
 * ridge regression on trials that were measured whole. What is learnt is the same combination of trials for all units.
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

/** Weights of the steps in what is expected of another step: (K + λ)⁻¹ k with K their inner products. */
function ridgeWeights(steps: readonly (readonly number[])[], own: readonly number[]): number[] {
  const n = steps.length
  const product = (a: readonly number[], b: readonly number[]): number =>
    a.reduce((sum, value, i) => sum + value * b[i]!, 0)
  const gram = new Float64Array(n * n)
  steps.forEach((a, i) => steps.forEach((b, j) => (gram[i * n + j] = product(a, b))))
  const lengths = steps.reduce((sum, _, i) => sum + gram[i * n + i]!, 0)
  if (lengths === 0) return steps.map(() => 0)
  const right = steps.map((step) => product(step, own))
  const { values, vectors } = symmetricEigen(gram, n)
  const ridge = (RIDGE * lengths) / n
  const along = Array.from(values, (value, k) => {
    const part = right.reduce((sum, number, i) => sum + number * vectors[i * n + k]!, 0)
    return part / (Math.max(0, value) + ridge)
  })
  return steps.map((_, i) => along.reduce((sum, number, k) => sum + number * vectors[i * n + k]!, 0))
}
