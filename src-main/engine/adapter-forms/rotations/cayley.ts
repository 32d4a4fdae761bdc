import type { Factors } from '../form'
import type { FormSettings } from '../settings'

/**
 * The rotations of OFT and BOFT (arXiv 2306.07280, 2311.06243) by Cayley's transform: per block B [s, s] of `oft_blocks`
 * q = B − Bᵀ and R = (1 + q)(1 − q)⁻¹. Where the norm of all q together is above `limit`, they are scaled down to it.
 *
 * @returns 1 + multiplier · (R − 1) per block, row-major, one after the other
 */
export function mixedRotations(
  blocks: Float32Array,
  size: number,
  limit: number | null,
  multiplier: number,
): Float64Array {
  const skew = new Float64Array(blocks.length)
  const area = size * size
  let squares = 0
  for (let start = 0; start < blocks.length; start += area)
    for (let row = 0; row < size; row++)
      for (let column = 0; column < size; column++) {
        const value = blocks[start + row * size + column]! - blocks[start + column * size + row]!
        skew[start + row * size + column] = value
        squares += value * value
      }
  const norm = Math.sqrt(squares)
  const factor = limit !== null && norm > limit ? limit / norm : 1
  const result = new Float64Array(blocks.length)
  for (let start = 0; start < blocks.length; start += area) {
    const q = skew.subarray(start, start + area).map((value) => value * factor)
    result.set(mixed(cayley(q, size), size, multiplier), start)
  }
  return result
}

/** 1 + multiplier · (R − 1) of a rotation R [size, size]. */
export function mixed(rotation: Float64Array, size: number, multiplier: number): Float64Array {
  return rotation.map((value, at) => {
    const one = at % (size + 1) === 0 ? 1 : 0
    return one + multiplier * (value - one)
  })
}

/**
 * (1 + q)(1 − q)⁻¹ of an antisymmetric q. The factors commute, so this is the solution X of (1 − q) X = 1 + q, found by
 * Gaussian elimination with row exchanges; 1 − q is never singular.
 */
export function cayley(q: Float64Array, size: number): Float64Array {
  const left = q.map((value, at) => (at % (size + 1) === 0 ? 1 : 0) - value)
  const right = q.map((value, at) => (at % (size + 1) === 0 ? 1 : 0) + value)
  for (let column = 0; column < size; column++) {
    let pivot = column
    for (let row = column + 1; row < size; row++)
      if (Math.abs(left[row * size + column]!) > Math.abs(left[pivot * size + column]!)) pivot = row
    for (const matrix of [left, right]) swapRows(matrix, size, column, pivot)
    const diagonal = left[column * size + column]!
    for (let row = 0; row < size; row++) {
      if (row === column) continue
      const factor = left[row * size + column]! / diagonal
      if (factor === 0) continue
      for (let at = column; at < size; at++) left[row * size + at]! -= factor * left[column * size + at]!
      for (let at = 0; at < size; at++) right[row * size + at]! -= factor * right[column * size + at]!
    }
  }
  return right.map((value, at) => {
    const row = Math.floor(at / size)
    return value / left[row * size + row]!
  })
}

function swapRows(matrix: Float64Array, size: number, a: number, b: number): void {
  if (a === b) return
  const kept = matrix.slice(a * size, (a + 1) * size)
  matrix.copyWithin(a * size, b * size, (b + 1) * size)
  matrix.set(kept, b * size)
}

/** Factors by which the outputs are multiplied after the rotation; null where there are none. */
export function rescaleOf(factors: Factors, { multiplier, rule }: FormSettings): Float32Array | null {
  if (!factors.shape('rescale')) return null
  const rescale = factors.whole('rescale')
  // LyCORIS leaves them whole, even at 0; a slider must not.
  return rule === 'interpolate' ? rescale.map((value) => 1 + multiplier * (value - 1)) : rescale
}

/** What a norm of all rotations together may be; null: anything. */
export function limitOf({ constraint }: FormSettings, rows: number): number | null {
  return constraint === null ? null : constraint * rows
}
