/** QL steps for one eigenvalue: some three are usual. */
const MOST_STEPS = 60

/**
 * Eigenvalues and vectors of a tridiagonal matrix by implicit QL with Wilkinson's shift (tql2 of EISPACK), in no order.
 * @param beside its other diagonal: element i lies between i and i + 1
 * @returns the values, and the vectors as rows [n, n]
 */
export function diagonalise(
  diagonal: Float64Array,
  beside: Float64Array,
): { diagonal: Float64Array; rows: Float64Array } {
  const n = diagonal.length
  const d = diagonal.slice()
  const e = new Float64Array(n)
  e.set(beside)
  // Rows are the vectors: rotations then run along memory.
  const rows = new Float64Array(n * n)
  for (let i = 0; i < n; i++) rows[i * n + i] = 1
  for (let l = 0; l < n; l++) {
    for (let step = 0; step < MOST_STEPS; step++) {
      let m = l
      while (m < n - 1 && Math.abs(e[m]!) > Number.EPSILON * (Math.abs(d[m]!) + Math.abs(d[m + 1]!))) m++
      if (m === l) break
      qlStep(rows, d, e, l, m, n)
    }
  }
  return { diagonal: d, rows }
}

/** One implicit QL step with Wilkinson's shift on the block from l to m. */
function qlStep(rows: Float64Array, d: Float64Array, e: Float64Array, l: number, m: number, n: number): void {
  const slope = (d[l + 1]! - d[l]!) / (2 * e[l]!)
  const root = Math.hypot(slope, 1)
  let g = d[m]! - d[l]! + e[l]! / (slope + (slope < 0 ? -root : root))
  let [s, c, p] = [1, 1, 0]
  for (let i = m - 1; i >= l; i--) {
    const f = s * e[i]!
    const b = c * e[i]!
    const length = Math.hypot(f, g)
    e[i + 1] = length
    if (length === 0) {
      d[i + 1]! -= p
      e[m] = 0
      return
    }
    s = f / length
    c = g / length
    g = d[i + 1]! - p
    const t = (d[i]! - g) * s + 2 * c * b
    p = s * t
    d[i + 1] = g + p
    g = c * t - b
    rotateRows(rows, i * n, (i + 1) * n, n, c, s)
  }
  d[l]! -= p
  e[l] = g
  e[m] = 0
}

/** (first, second) become (c · first − s · second, s · first + c · second). */
export function rotateRows(rows: Float64Array, first: number, second: number, n: number, c: number, s: number): void {
  for (let k = 0; k < n; k++) {
    const upper = rows[second + k]!
    const lower = rows[first + k]!
    rows[second + k] = s * lower + c * upper
    rows[first + k] = c * lower - s * upper
  }
}
