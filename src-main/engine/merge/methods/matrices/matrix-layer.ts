import type { MethodSettings } from '../../../../contract/document/project'
import type { YieldOrCancel } from '../../../cancel'
import { isRotated } from '../../../linear-algebra/svd'
import { multiply } from '../../../linear-algebra/vectors'
import type { Matrix, MatrixProducts } from '../../../linear-algebra/matrix-products'

/** One layer of all models, or one group of its rows, as a matrix method sees it: what specialists have changed. */
export interface MatrixLayer {
  /** Of its weight, for messages. */
  name: string
  /** n, output channels. */
  rows: number
  /** d = in · kh · kw */
  columns: number
  /** Places of the specialists that take part (0: the first one): those with a weight. */
  specialists: readonly number[]
  /** Weight of each specialist, also of those that take no part. */
  weights: readonly number[]
  settings: MethodSettings
  products: MatrixProducts
  /** τ = specialist − base, without its weight [n, d]: float64 where `isRotated`, else float32. The caller may change it. */
  change(specialist: number): Matrix
  /** Σ w τ of the specialists that take part, in the same element type. */
  sumOfChanges(): Matrix
  /**
   * Singular values of τ up to this are what rounding to the specialist's element type makes: of changes of low rank, as
   * LoRAs make them, the others are nothing else.
   */
  floor(specialist: number): number
  yieldOrCancel: YieldOrCancel
}

/** What a matrix method makes of a layer. */
export interface MergedChange {
  /** What is added to the base [n, d]. */
  change: Matrix
  /** Directions that it took, where it wanted more than the changes have: of all specialists together. */
  rank?: { taken: number; wanted: number }
}

/** What a merge of a layer needs. */
export interface MatrixCost {
  /** Multiplications and additions of matrix products, and of decompositions. */
  flops: number
  /** Memory at most, beside the base's rows. */
  bytes: number
}

/** Sizes of a layer by which its cost is told. */
export interface MatrixSize {
  rows: number
  columns: number
  specialists: number
}

/** A specialist's change times its weight, with its floor. */
export async function weightedChange(
  layer: MatrixLayer,
  specialist: number,
): Promise<{ change: Matrix; floor: number }> {
  await layer.yieldOrCancel()
  const weight = layer.weights[specialist]!
  const change = scaled(layer.change(specialist), weight)
  return { change, floor: Math.abs(weight) * layer.floor(specialist) }
}

/** Σ w τ of all specialists; its floor is that of sums of independent rounding errors. */
export async function sumOfChanges(layer: MatrixLayer): Promise<{ change: Matrix; floor: number }> {
  await layer.yieldOrCancel()
  const change = layer.sumOfChanges()
  const floors = layer.specialists.map((specialist) => layer.weights[specialist]! * layer.floor(specialist))
  return { change, floor: Math.hypot(...floors) }
}

/** Σ w τ, one change after the other. */
export function addedChanges(
  layer: Pick<MatrixLayer, 'rows' | 'columns' | 'specialists' | 'weights' | 'change'>,
): Matrix {
  const sum = noChange(layer)
  for (const specialist of layer.specialists) addTo(sum, layer.change(specialist), layer.weights[specialist]!)
  return sum
}

/** A matrix of zeros in the element type of the layer's changes. */
export function noChange({ rows, columns }: Pick<MatrixLayer, 'rows' | 'columns'>): Matrix {
  const data = isRotated(rows, columns) ? new Float64Array(rows * columns) : new Float32Array(rows * columns)
  return { data, rows, columns }
}

/** target += factor · source, element by element. */
export function addTo({ data: target }: Matrix, { data: source }: Matrix, factor = 1): void {
  for (let i = 0; i < target.length; i++) target[i]! += factor * source[i]!
}

/** factor · matrix, in place. */
export function scaled(matrix: Matrix, factor: number): Matrix {
  multiply(matrix.data, factor)
  return matrix
}

/** Operations and memory of matrices of this size, in units that costs are sums of. */
export function unitsOf({ rows, columns }: Pick<MatrixSize, 'rows' | 'columns'>): {
  /** A product of the smaller side's square with the matrix. */
  product: number
  /** Eigenvectors of the smaller side's Gram matrix, with that matrix in float64. */
  eigen: number
  /** Bytes of one matrix, and of one Gram matrix. */
  matrix: number
  gram: number
} {
  const [small, large] = rows <= columns ? [rows, columns] : [columns, rows]
  return {
    product: 2 * small * small * large,
    eigen: 2 * small * small * large + 30 * small ** 3,
    matrix: 4 * small * large,
    gram: 8 * small * small,
  }
}
