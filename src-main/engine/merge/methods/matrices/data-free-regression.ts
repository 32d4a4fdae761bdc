import { dataFreeRegression as descriptor } from '../../../../contract/methods/matrices/data-free-regression'
import { gramOfColumns } from '../../../linear-algebra/gram'
import { emptyLike, inTypeOf, type Matrix } from '../../../linear-algebra/matrix-products'
import { sumOfSquares } from '../../../linear-algebra/truncated-svd'
import type { MatrixMethod } from '../method'
import { addMean } from './add-mean'
import { addTo, noChange, scaled, weightedChange, type MatrixLayer } from './matrix-layer'
import { solveSymmetric } from './solve-symmetric'

/**
 * Data-free regression: the closed form of WUDI's objective (Cheng et al. 2025), Σ_m ‖(X − τ_m) τ_mᵀ‖² / ‖τ_m‖². With
 * C_m = τ_mᵀ τ_m / ‖τ_m‖², C = Σ C_m and S = Σ τ_m: X = S + (Σ τ_m C_m − S C) (C + λI)⁻¹, λ = ridge · mean(diag C). Of two
 * equal forms the smaller is solved: of d inputs, or, with B the rows τ_m / ‖τ_m‖ and C = Bᵀ B, of all changes' rows.
 */
export const dataFreeRegression = {
  ...descriptor,
  combine: addMean,
  async merge(layer) {
    const sum = noChange(layer)
    const lengths = new Map<number, number>()
    for (const specialist of layer.specialists) {
      const { change } = await weightedChange(layer, specialist)
      const length = Math.sqrt(sumOfSquares(change.data))
      if (length > 0) lengths.set(specialist, length)
      addTo(sum, change)
    }
    if (lengths.size > 0) {
      const isByRows = lengths.size * layer.rows < layer.columns
      await (isByRows ? correctByRows(sum, layer, lengths) : correctByColumns(sum, layer, lengths))
    }
    return { change: scaled(sum, layer.settings.scale) }
  },
  cost({ rows, columns, specialists }) {
    const stacked = rows * specialists
    const size = Math.min(stacked, columns)
    const solve = size ** 3 / 3 + 2 * rows * size ** 2
    const grams =
      stacked < columns ? (specialists + 1) * stacked * rows * columns : 4 * specialists * rows * columns ** 2
    const matrices = 4 * 4 * rows * columns
    return { flops: solve + grams + 2 * stacked * rows * columns, bytes: matrices + 12 * size ** 2 + 24 * rows * size }
  },
} satisfies MatrixMethod

type Lengths = ReadonlyMap<number, number>

/** λ of both forms: the diagonal of C adds up to the number of changes. */
function ridgeOf({ columns, settings }: MatrixLayer, lengths: Lengths): number {
  return (settings.changeRidge * lengths.size) / columns
}

/** sum += K (B Bᵀ + λI)⁻¹ B, with K = [τ_m τ_mᵀ / ‖τ_m‖] − S Bᵀ, which is a sum of blocks of B Bᵀ. */
async function correctByRows(sum: Matrix, layer: MatrixLayer, lengths: Lengths): Promise<void> {
  const { rows, products } = layer
  const all = [...lengths]
  const size = all.length * rows
  const gram: Matrix = { data: emptyLike(sum.data, size * size), rows: size, columns: size }
  const errors = new Float64Array(rows * size)
  for (const [i, [one, length]] of all.entries()) {
    const { change } = await weightedChange(layer, one)
    for (const [j, [other, otherLength]] of all.slice(0, i + 1).entries()) {
      const right = i === j ? change : (await weightedChange(layer, other)).change
      const block = scaled(await products.multiply(change, right, 'right transposed'), 1 / (length * otherLength))
      for (let row = 0; row < rows; row++)
        for (let column = 0; column < rows; column++) {
          const value = block.data[row * rows + column]!
          const [a, b] = [i * rows + row, j * rows + column]
          gram.data[a * size + b] = value
          gram.data[b * size + a] = value
          if (i === j) continue
          errors[row * size + b]! -= length * value
          errors[column * size + a]! -= otherLength * value
        }
    }
  }
  const solved = inTypeOf(
    sum,
    await solveSymmetric({ data: errors, rows, columns: size }, gram, ridgeOf(layer, lengths), layer),
  )
  for (const [i, [specialist, length]] of all.entries()) {
    const { change } = await weightedChange(layer, specialist)
    const part = { data: emptyLike(sum.data, rows * rows), rows, columns: rows }
    for (let row = 0; row < rows; row++)
      part.data.set(solved.data.subarray(row * size + i * rows, row * size + (i + 1) * rows), row * rows)
    addTo(sum, await products.multiply(part, change), 1 / length)
  }
}

/** sum += Σ (τ_m − S) C_m (C + λI)⁻¹ */
async function correctByColumns(sum: Matrix, layer: MatrixLayer, lengths: Lengths): Promise<void> {
  const { rows, columns, products } = layer
  const whole = { data: new Float64Array(columns * columns), rows: columns, columns }
  const errors = noChange(layer)
  for (const [specialist, length] of lengths) {
    const { change } = await weightedChange(layer, specialist)
    const own = { data: await gramOfColumns(change, products), rows: columns, columns }
    scaled(own, 1 / length ** 2)
    addTo(whole, own)
    addTo(change, sum, -1)
    await layer.yieldOrCancel()
    addTo(errors, await products.multiply(change, inTypeOf(sum, own)))
  }
  const doubles = { data: Float64Array.from(errors.data), rows, columns }
  addTo(sum, await solveSymmetric(doubles, whole, ridgeOf(layer, lengths), layer))
}
