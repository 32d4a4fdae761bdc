/** Eigenvalues and vectors of a symmetric matrix, largest value first. */
export interface Eigen {
  values: Float64Array
  /** [n, n], row-major: column i belongs to value i; columns have length 1. */
  vectors: Float64Array
}

/** QL steps for one eigenvalue: some three are usual. */
const MOST_STEPS = 60

/**
 * Householder's reduction to a tridiagonal matrix, then implicit QL: tred2 and tql2 of EISPACK (Bowdler, Martin, Reinsch
 * and Wilkinson, Handbook for Automatic Computation II, 1971). About 9 n³ operations.
 * @param matrix [n, n] symmetric, row-major, finite; not changed
 */
export function symmetricEigen(matrix: Float64Array, n: number): Eigen {
  // Rows of `basis` are the vectors: rotations then run along memory.
  const basis = matrix.slice()
  const diagonal = new Float64Array(n)
  const beside = new Float64Array(n)
  tridiagonalise(basis, diagonal, beside, n)
  diagonalise(basis, diagonal, beside, n)
  const order = Array.from(diagonal.keys()).sort((a, b) => diagonal[b]! - diagonal[a]!)
  const vectors = new Float64Array(n * n)
  order.forEach((from, to) => {
    for (let i = 0; i < n; i++) vectors[i * n + to] = basis[from * n + i]!
  })
  return { values: Float64Array.from(order, (at) => diagonal[at]!), vectors }
}

/**
 * Makes A = Qᵀ T Q with T tridiagonal.
 * @param a [n, n]: A, afterwards Q by rows
 * @param diagonal of T, afterwards
 * @param beside T's other diagonal, afterwards: element i lies between i − 1 and i
 */
function tridiagonalise(a: Float64Array, diagonal: Float64Array, beside: Float64Array, n: number): void {
  const reflections = new Array<Float64Array | null>(n).fill(null)
  for (let i = n - 1; i > 0; i--) {
    const row = a.subarray(i * n, i * n + i)
    const length = norm(row)
    const rest = i > 1 ? norm(row.subarray(0, i - 1)) : 0
    if (rest === 0) {
      beside[i] = row[i - 1]!
      continue
    }
    // The reflection that turns the row into (0, …, 0, ∓length).
    const vector = row.slice()
    const sign = vector[i - 1]! > 0 ? 1 : -1
    vector[i - 1]! += sign * length
    const scale = Math.SQRT2 / norm(vector)
    for (let k = 0; k < i; k++) vector[k]! *= scale
    beside[i] = -sign * length
    reflections[i] = vector
    reflectBothSides(a, vector, n)
  }
  for (let i = 0; i < n; i++) diagonal[i] = a[i * n + i]!
  a.fill(0)
  for (let i = 0; i < n; i++) a[i * n + i] = 1
  // Q = H₁ … H₍ₙ₋₁₎ by rows: each reflection changes only the leading rows and columns.
  for (let i = 1; i < n; i++) {
    const vector = reflections[i]
    if (vector) for (let r = 0; r < i; r++) reflectRow(a.subarray(r * n, r * n + i), vector)
  }
}

/** H A H for the leading block, with H = 1 − v vᵀ (|v|² = 2). */
function reflectBothSides(a: Float64Array, vector: Float64Array, n: number): void {
  const size = vector.length
  const product = new Float64Array(size)
  for (let r = 0; r < size; r++) {
    let sum = 0
    for (let k = 0, at = r * n; k < size; k++, at++) sum += a[at]! * vector[k]!
    product[r] = sum
  }
  const half = dot(product, vector) / 2
  for (let k = 0; k < size; k++) product[k]! -= half * vector[k]!
  for (let r = 0; r < size; r++) {
    const [p, v] = [product[r]!, vector[r]!]
    for (let k = 0, at = r * n; k < size; k++, at++) a[at]! -= v * product[k]! + p * vector[k]!
  }
}

function reflectRow(row: Float64Array, vector: Float64Array): void {
  const along = dot(row, vector)
  if (along !== 0) for (let k = 0; k < row.length; k++) row[k]! -= along * vector[k]!
}

/** Implicit QL on the tridiagonal matrix; `basis` holds vectors by rows and is rotated along. */
function diagonalise(basis: Float64Array, d: Float64Array, beside: Float64Array, n: number): void {
  const e = new Float64Array(n)
  e.set(beside.subarray(1))
  for (let l = 0; l < n; l++) {
    for (let step = 0; step < MOST_STEPS; step++) {
      let m = l
      while (m < n - 1 && Math.abs(e[m]!) > Number.EPSILON * (Math.abs(d[m]!) + Math.abs(d[m + 1]!))) m++
      if (m === l) break
      qlStep(basis, d, e, l, m, n)
    }
  }
}

/** One implicit QL step with Wilkinson's shift on the block from l to m. */
function qlStep(basis: Float64Array, d: Float64Array, e: Float64Array, l: number, m: number, n: number): void {
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
    rotateRows(basis, i * n, (i + 1) * n, n, c, s)
  }
  d[l]! -= p
  e[l] = g
  e[m] = 0
}

function rotateRows(basis: Float64Array, first: number, second: number, n: number, c: number, s: number): void {
  for (let k = 0; k < n; k++) {
    const upper = basis[second + k]!
    const lower = basis[first + k]!
    basis[second + k] = s * lower + c * upper
    basis[first + k] = c * lower - s * upper
  }
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let k = 0; k < a.length; k++) sum += a[k]! * b[k]!
  return sum
}

function norm(values: Float64Array): number {
  return Math.sqrt(dot(values, values))
}
