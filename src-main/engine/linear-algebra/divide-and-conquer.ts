import { diagonalise, rotateRows } from './implicit-ql'
import type { Matrix, MatrixProducts } from './matrix-products'
import { transposed } from './rows-and-columns'
import { secularRoots, secularVectors } from './secular-equation'
import type { Tridiagonal } from './tridiagonal'

/** Up to this size a tridiagonal matrix is solved directly. */
const LEAF = 48

/** Eigenvalues, and eigenvectors as rows, in no order. */
interface Solved {
  values: Float64Array
  rows: Float64Array
}

/**
 * The eigenvalues of a tridiagonal matrix and the vectors of the largest, by Cuppen's divide and conquer (1981; as LAPACK's
 * dstedc): the two halves are solved, and what joins them is a change of rank one.
 * @returns all values, largest first, and the vectors of the first `count` as columns [n, count]
 */
export async function eigenOfTridiagonal(
  { diagonal, beside }: Pick<Tridiagonal, 'diagonal' | 'beside'>,
  count: number,
  products: MatrixProducts,
): Promise<{ values: Float64Array; vectors: Matrix & { data: Float64Array } }> {
  const n = diagonal.length
  // What counts as a rounding error is told for values of about 1.
  const size = Math.max(largestOf(diagonal), largestOf(beside)) || 1
  const [d, e] = [diagonal, beside].map((all) => all.map((value) => value / size))
  const found = await solve(d!, e!, products, count)
  const order = Array.from(found.values.keys()).sort((a, b) => found.values[b]! - found.values[a]!)
  const rows = new Float64Array(count * n)
  order.slice(0, count).forEach((from, to) => rows.set(found.rows.subarray(from * n, from * n + n), to * n))
  const vectors = transposed({ data: rows, rows: count, columns: n })
  return { values: Float64Array.from(order, (at) => size * found.values[at]!), vectors }
}

/** @param wanted how many vectors, of the largest values, are needed: rows of others may be zeros */
async function solve(
  diagonal: Float64Array,
  beside: Float64Array,
  products: MatrixProducts,
  wanted: number,
): Promise<Solved> {
  const n = diagonal.length
  if (n <= LEAF) {
    const { diagonal: values, rows } = diagonalise(diagonal, beside)
    return { values, rows }
  }
  const half = n >> 1
  const joint = beside[half - 1]!
  const ends = diagonal.slice()
  ends[half - 1]! -= Math.abs(joint)
  ends[half]! -= Math.abs(joint)
  const upper = await solve(ends.subarray(0, half), beside.subarray(0, half - 1), products, half)
  const lower = await solve(ends.subarray(half), beside.subarray(half), products, n - half)
  return new Merge(upper, lower, joint, wanted).run(products)
}

/** Two solved halves and the element that joins them. */
class Merge {
  private readonly n: number
  private readonly half: number
  private readonly values: Float64Array
  private readonly z: Float64Array
  private readonly rho: number
  /** [n, n]: vectors of both halves as rows, zeros beside them. */
  private readonly rows: Float64Array
  /** Which rows have elements in the first half's columns, and which in the second's. */
  private readonly inFirst: Uint8Array
  private readonly inSecond: Uint8Array

  constructor(
    upper: Solved,
    lower: Solved,
    joint: number,
    private readonly wanted: number,
  ) {
    const half = upper.values.length
    const rest = lower.values.length
    const n = half + rest
    this.n = n
    this.half = half
    this.values = new Float64Array(n)
    this.values.set(upper.values)
    this.values.set(lower.values, half)
    this.rows = new Float64Array(n * n)
    this.z = new Float64Array(n)
    this.inFirst = new Uint8Array(n).fill(1, 0, half)
    this.inSecond = new Uint8Array(n).fill(1, half)
    for (let i = 0; i < half; i++) {
      this.rows.set(upper.rows.subarray(i * half, i * half + half), i * n)
      this.z[i] = upper.rows[i * half + half - 1]! * Math.SQRT1_2
    }
    const sign = joint < 0 ? -1 : 1
    for (let i = 0; i < rest; i++) {
      this.rows.set(lower.rows.subarray(i * rest, i * rest + rest), (half + i) * n + half)
      this.z[half + i] = sign * lower.rows[i * rest]! * Math.SQRT1_2
    }
    this.rho = 2 * Math.abs(joint)
  }

  async run(products: MatrixProducts): Promise<Solved> {
    const { n, values, z, rho, rows } = this
    const kept = this.deflate()
    if (kept.length === 0) return { values, rows }
    const [d, own] = [values, z].map((all) => Float64Array.from(kept, (at) => all[at]!)) as [Float64Array, Float64Array]
    const roots = secularRoots(d, own, rho)
    kept.forEach((at, i) => (values[at] = roots.values[i]!))
    const chosen = this.chosen(kept)
    const vectors = secularVectors(d, own, roots, chosen)
    const parts = await Promise.all(
      (
        [
          [this.inFirst, 0, this.half],
          [this.inSecond, this.half, n],
        ] as const
      ).map(([has, from, to]) => this.turned(kept, vectors, chosen.length, has, from, to, products)),
    )
    kept.forEach((at) => rows.fill(0, at * n, at * n + n))
    chosen.forEach((root, at) => {
      for (const { first, width, data } of parts)
        rows.set(data.subarray(at * width, at * width + width), kept[root]! * n + first)
    })
    return { values, rows }
  }

  /**
   * Takes out what the joint does not change, or hardly: values whose element of z is a rounding error, and one of two
   * values that are equal but for rounding, after a rotation that makes its element of z zero (LAPACK's dlaed2).
   * @returns the others, by ascending value
   */
  private deflate(): number[] {
    const { n, values, z, rho, rows, inFirst, inSecond } = this
    const tolerance = 8 * Number.EPSILON * Math.max(largestOf(values), largestOf(z))
    const ascending = Array.from(values.keys()).sort((a, b) => values[a]! - values[b]!)
    const kept: number[] = []
    for (const next of ascending) {
      if (rho * Math.abs(z[next]!) <= tolerance) continue
      const before = kept.at(-1)
      if (before === undefined) {
        kept.push(next)
        continue
      }
      const size = Math.hypot(z[before]!, z[next]!)
      const [c, s] = [z[next]! / size, z[before]! / size]
      const gap = values[next]! - values[before]!
      if (Math.abs(gap * c * s) > tolerance) {
        kept.push(next)
        continue
      }
      z[next] = size
      z[before] = 0
      rotateRows(rows, before * n, next * n, n, c, s)
      const [low, high] = [values[before]!, values[next]!]
      values[before] = low * c * c + high * s * s
      values[next] = low * s * s + high * c * c
      for (const has of [inFirst, inSecond]) has[before] = has[next] = has[before]! | has[next]!
      kept[kept.length - 1] = next
    }
    return kept
  }

  /** Places among the kept ones whose vectors are among the wanted. */
  private chosen(kept: readonly number[]): number[] {
    const all = [...kept.keys()]
    if (this.wanted >= this.n) return all
    const least = this.values.slice().sort().at(-this.wanted)!
    return all.filter((at) => this.values[kept[at]!]! >= least)
  }

  /** The columns from … to of vectors · rows, from the rows that have any elements there. */
  private async turned(
    kept: readonly number[],
    vectors: Float64Array,
    count: number,
    has: Uint8Array,
    from: number,
    to: number,
    products: MatrixProducts,
  ): Promise<{ first: number; width: number; data: Float64Array }> {
    const { n, rows } = this
    const width = to - from
    const terms = [...kept.keys()].filter((at) => has[kept[at]!])
    if (terms.length === 0 || count === 0) return { first: from, width, data: new Float64Array(count * width) }
    const left = new Float64Array(count * terms.length)
    const right = new Float64Array(terms.length * width)
    terms.forEach((term, at) => {
      right.set(rows.subarray(kept[term]! * n + from, kept[term]! * n + to), at * width)
      for (let row = 0; row < count; row++) left[row * terms.length + at] = vectors[row * kept.length + term]!
    })
    const { data } = await products.multiply(
      { data: left, rows: count, columns: terms.length },
      { data: right, rows: terms.length, columns: width },
    )
    return { first: from, width, data: data as Float64Array }
  }
}

function largestOf(values: Float64Array): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
}
