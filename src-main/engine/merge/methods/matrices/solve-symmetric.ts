import { FusionError } from '../../../../contract/errors'
import { largestEigen } from '../../../linear-algebra/symmetric-eigen'
import { firstColumns, scaledColumns } from '../../../linear-algebra/rows-and-columns'
import type { Matrix, MatrixProducts } from '../../../linear-algebra/matrix-products'
import type { Tensor } from '../../../runtime/session'
import { inBlocks, joinBlocks, PositiveSolver } from '../../regression/positive-solver'
import type { MatrixLayer } from './matrix-layer'

/** Eigenvalues below this part of the largest count as 0 where there is no ridge. */
const LEAST_EIGENVALUE = 1e-10

/**
 * Y = R (A + λI)⁻¹ for a symmetric A without negative eigenvalues; with λ = 0 by its pseudoinverse.
 * @param right R [n, size] in float64 @param matrix A [size, size]
 * @throws FusionError 'validation' where λ is too small for the precision of A
 */
export async function solveSymmetric(
  right: Matrix,
  matrix: Matrix,
  ridge: number,
  layer: Pick<MatrixLayer, 'name' | 'products' | 'settings' | 'yieldOrCancel'>,
): Promise<Matrix> {
  const { products, yieldOrCancel } = layer
  const size = matrix.rows
  if (ridge === 0) return byEigenvalues(right, matrix, products)
  const sessions = {
    blockProduct: async (factor: 'transposed' | 'plain', left: Tensor, other: Tensor, from?: Tensor) => {
      const sides = factor === 'transposed' ? 'right transposed' : 'plain'
      const { data } = await products.multiply(matrixOf(left), matrixOf(other), sides)
      const result = data as Float64Array
      if (from) for (let i = 0; i < result.length; i++) result[i] = (from.data as Float64Array)[i]! - result[i]!
      return result
    },
  }
  const panel = (first: number, width: number): Promise<Float64Array> => {
    const rows = new Float64Array((size - first) * width)
    for (let row = first, at = 0; row < size; row++)
      for (let column = first; column < first + width; column++, at++)
        rows[at] = matrix.data[row * size + column]! + (row === column ? ridge : 0)
    return Promise.resolve(rows)
  }
  try {
    const solver = await PositiveSolver.factor(size, sessions, panel, yieldOrCancel)
    const blocks = await solver.solve(inBlocks(right.data, right.rows), yieldOrCancel)
    return { ...right, data: joinBlocks(blocks, right.rows, new Float64Array(right.data.length)) }
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause
    throw new FusionError('validation', `The ridge ${layer.settings.changeRidge} is too small for ${layer.name}.`, {
      hint: 'The changes of this layer depend on one another. Use a larger ridge; 0.1 is the default.',
      cause,
    })
  }
}

/** R A⁺ by the eigenvectors of A. */
async function byEigenvalues(right: Matrix, { data, rows: size }: Matrix, products: MatrixProducts): Promise<Matrix> {
  const { values, vectors } = await largestEigen(Float64Array.from(data), size, products)
  const kept = values.filter((value) => value > LEAST_EIGENVALUE * values[0]!)
  const inside = await products.multiply(right, firstColumns(vectors, kept.length))
  const divided = scaledColumns(
    vectors,
    kept.map((value) => 1 / value),
  )
  return products.multiply(inside, divided, 'right transposed')
}

function matrixOf({ data, dims }: Tensor): Matrix {
  return { data: data as Float64Array, rows: dims[0]!, columns: dims[1]! }
}
