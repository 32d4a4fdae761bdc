import type { FactorProduct } from '../adapter-forms/form'
import { oneUnderOther, sideBySide } from '../linear-algebra/joined-matrices'
import type { Matrix, MatrixProducts } from '../linear-algebra/matrix-products'
import { gramOfColumns, gramOfRows } from '../linear-algebra/gram'

/** A matrix as a product, in float64: up [rows, rank] · down [rank, columns]. */
export interface Product {
  up: Matrix
  down: Matrix
}

/** The changes of several adapters side by side, so that the product is their sum. */
export interface StackedFactors extends Product {
  /** Of each adapter, in their order. */
  ranks: readonly number[]
}

/** One adapter's change of a layer: scale · left · right. */
export interface ScaledProduct extends FactorProduct {
  scale: number
}

/** Puts products side by side; scales are on the ups. */
export function stackFactors(parts: readonly ScaledProduct[], rows: number, columns: number): StackedFactors {
  const rank = parts.reduce((sum, part) => sum + part.rank, 0)
  const up = new Float64Array(rows * rank)
  const down = new Float64Array(rank * columns)
  let first = 0
  for (const { left, right, rank: own, scale } of parts) {
    for (let row = 0; row < rows; row++)
      for (let k = 0; k < own; k++) up[row * rank + first + k] = left[row * own + k]! * scale
    down.set(right.subarray(0, own * columns), first * columns)
    first += own
  }
  return {
    up: { data: up, rows, columns: rank },
    down: { data: down, rows: rank, columns },
    ranks: parts.map((part) => part.rank),
  }
}

/**
 * The same product with each column of up and its row of down brought to about the same length by a power of two, which
 * rounds nothing: small alphas would make factors that float16 does not hold.
 */
export function balanced({ up, down }: Product): Product {
  const [rank, columns] = [up.columns, down.columns]
  const factors = Array.from({ length: rank }, (_, k) =>
    balance(length(up.data, k, rank, up.rows), length(down.data, k * columns, 1, columns)),
  )
  return {
    up: { ...up, data: up.data.map((value, at) => value * factors[at % rank]!) },
    down: { ...down, data: down.data.map((value, at) => value / factors[Math.floor(at / columns)]!) },
  }
}

function length(values: Matrix['data'], start: number, step: number, count: number): number {
  let sum = 0
  for (let i = 0, at = start; i < count; i++, at += step) sum += values[at]! ** 2
  return Math.sqrt(sum)
}

/** The power of two that brings the first length nearest to the second. */
function balance(first: number, second: number): number {
  return first === 0 || second === 0 ? 1 : 2 ** Math.round(Math.log2(second / first) / 2)
}

/** |up · down|², from the small matrices of inner products alone. */
export async function energyOf({ up, down }: Product, products: MatrixProducts): Promise<number> {
  const [ofUp, ofDown] = [await gramOfColumns(up, products), await gramOfRows(down, products)]
  let sum = 0
  for (let i = 0; i < ofUp.length; i++) sum += ofUp[i]! * ofDown[i]!
  return Math.max(0, sum)
}

/** |a − b|² of two products: a difference of sums, so that less than 1e-8 of a's length is rounding. */
export function distanceOf(a: Product, b: Product, products: MatrixProducts): Promise<number> {
  const up = sideBySide([a.up, { ...b.up, data: b.up.data.map((value) => -value) }])
  return energyOf({ up, down: oneUnderOther([a.down, b.down]) }, products)
}
