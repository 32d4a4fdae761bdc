import { dot, lengthOf } from './vectors'

/** Steps for one root: some five are usual. */
const MOST_STEPS = 100

/** Eigenvalues of D + ρ z zᵀ by the place of each between D's elements. */
export interface SecularRoots {
  values: Float64Array
  /** [k, k]: row i has d_j − value i for all j, without the digits that a difference of rounded numbers would lose. */
  differences: Float64Array
}

/**
 * The eigenvalues of D + ρ z zᵀ: roots of 1 + ρ Σ z_j² / (d_j − λ), one right of every d_j. Each is searched as its
 * distance from the nearer of its two neighbours, by the sum of a rational function of each (Bunch, Nielsen and Sorensen,
 * 1978), held between bounds.
 * @param d ascending, all different @param z none of them 0 @param rho above 0
 */
export function secularRoots(d: Float64Array, z: Float64Array, rho: number): SecularRoots {
  const k = d.length
  const values = new Float64Array(k)
  const differences = new Float64Array(k * k)
  for (let i = 0; i < k; i++) {
    const row = differences.subarray(i * k, i * k + k)
    const { origin, distance } = root(d, z, rho, i, row)
    values[i] = d[origin]! + distance
    for (let j = 0; j < k; j++) row[j] = d[j]! - d[origin]! - distance
  }
  return { values, differences }
}

/**
 * A root as its distance from one of d's elements.
 * @param shifted scratch of k numbers
 */
function root(
  d: Float64Array,
  z: Float64Array,
  rho: number,
  i: number,
  shifted: Float64Array,
): { origin: number; distance: number } {
  const k = d.length
  const isLast = i === k - 1
  if (k === 1) return { origin: 0, distance: rho * z[0]! ** 2 }
  const right = isLast ? d[i]! + rho * dot(z, z) : d[i + 1]!
  const middle = (right - d[i]!) / 2
  const shift = (origin: number): void => {
    for (let j = 0; j < k; j++) shifted[j] = d[j]! - d[origin]!
  }
  shift(i)
  let origin = i
  let [low, high] = [0, right - d[i]!]
  const first = evaluate(shifted, z, rho, isLast ? k - 2 : i, middle)
  if (first.value > 0) high = middle
  else low = middle
  if (first.value <= 0 && !isLast) {
    origin = i + 1
    shift(origin)
    ;[low, high] = [middle - (right - d[i]!), 0]
  }
  // The pair of poles whose functions stand for all that lie on their sides.
  const [left, other] = isLast ? [k - 2, k - 1] : [i, i + 1]
  let distance = start(shifted, z, rho, left, other, first, isLast, low, high)
  for (let step = 0; step < MOST_STEPS; step++) {
    const { value, below, above, belowSlope, aboveSlope } = evaluate(shifted, z, rho, left, distance)
    if (Math.abs(value) <= 4 * Number.EPSILON * (1 + Math.abs(below) + Math.abs(above))) break
    if (value > 0) high = distance
    else low = distance
    const [near, far] = [shifted[left]! - distance, shifted[other]! - distance]
    const [s, t] = [near * near * belowSlope, far * far * aboveSlope]
    const rest = 1 + (below - near * belowSlope) + (above - far * aboveSlope)
    const change = quadraticStep(rest, rest * (near + far) + s + t, near * far * value, isLast)
    const next = distance + change
    const inside = next > low && next < high ? next : (low + high) / 2
    if (inside === distance || inside === low || inside === high) break
    distance = inside
  }
  return { origin, distance }
}

/** Where the two neighbours alone, and the rest as it is in the middle, would put the root. */
function start(
  shifted: Float64Array,
  z: Float64Array,
  rho: number,
  left: number,
  other: number,
  first: Evaluated,
  isLast: boolean,
  low: number,
  high: number,
): number {
  const [s, t] = [rho * z[left]! ** 2, rho * z[other]! ** 2]
  const [near, far] = [shifted[left]!, shifted[other]!]
  const { rest } = first
  const found = quadraticStep(rest, rest * (near + far) + s + t, rest * near * far + s * far + t * near, isLast)
  return found > low && found < high ? found : (low + high) / 2
}

/** The root of c η² − a η + b that lies between the poles, or right of both. */
function quadraticStep(c: number, a: number, b: number, isRightmost: boolean): number {
  const discriminant = Math.sqrt(Math.max(0, a * a - 4 * b * c))
  if (isRightmost) return a >= 0 ? (a + discriminant) / (2 * c) : (2 * b) / (a - discriminant)
  return a <= 0 ? (a - discriminant) / (2 * c) : (2 * b) / (a + discriminant)
}

interface Evaluated {
  value: number
  /** Sums over the poles up to `left`, and over those right of it. */
  below: number
  above: number
  belowSlope: number
  aboveSlope: number
  /** 1 and both sums without the two neighbouring poles. */
  rest: number
}

function evaluate(shifted: Float64Array, z: Float64Array, rho: number, left: number, at: number): Evaluated {
  const k = shifted.length
  let [below, belowSlope, above, aboveSlope] = [0, 0, 0, 0]
  for (let j = 0; j < left; j++) {
    const term = z[j]! / (shifted[j]! - at)
    below += z[j]! * term
    belowSlope += term * term
  }
  for (let j = k - 1; j > left + 1; j--) {
    const term = z[j]! / (shifted[j]! - at)
    above += z[j]! * term
    aboveSlope += term * term
  }
  const rest = 1 + rho * (below + above)
  const [near, far] = [z[left]! / (shifted[left]! - at), z[left + 1]! / (shifted[left + 1]! - at)]
  below = rho * (below + z[left]! * near)
  above = rho * (above + z[left + 1]! * far)
  return {
    value: 1 + below + above,
    below,
    above,
    belowSlope: rho * (belowSlope + near * near),
    aboveSlope: rho * (aboveSlope + far * far),
    rest,
  }
}

/**
 * The eigenvectors of the matrix that has exactly these eigenvalues (Gu and Eisenstat, 1994), which makes them orthogonal:
 * z is found anew from the eigenvalues.
 * @returns [chosen, k]: rows of length 1
 */
export function secularVectors(
  d: Float64Array,
  z: Float64Array,
  { differences }: SecularRoots,
  chosen: readonly number[],
): Float64Array {
  const k = d.length
  const found = differences.slice((k - 1) * k)
  for (let i = 0; i < k - 1; i++)
    for (let j = 0; j < k; j++) found[j]! *= differences[i * k + j]! / (d[i < j ? i : i + 1]! - d[j]!)
  for (let j = 0; j < k; j++) found[j] = Math.sign(z[j]!) * Math.sqrt(Math.abs(found[j]!))
  const vectors = new Float64Array(chosen.length * k)
  chosen.forEach((root, at) => {
    const row = vectors.subarray(at * k, at * k + k)
    for (let j = 0; j < k; j++) row[j] = found[j]! / differences[root * k + j]!
    const factor = 1 / lengthOf(row)
    for (let j = 0; j < k; j++) row[j]! *= factor
  })
  return vectors
}
