import type { Matrix, MatrixProducts } from '../linear-algebra/matrix-products'
import { gramOfColumns, gramOfRows } from '../linear-algebra/gram'
import { largestEigen } from '../linear-algebra/symmetric-eigen'
import { truncatedSvd, type Kept } from '../linear-algebra/truncated-svd'
import type { Product, StackedFactors } from './stacked-factors'

/** Directions whose squared length is below this part of the largest, times their number, are rounding errors. */
const NEGLIGIBLE = 2 ** -50

/** One side's singular vectors Q, largest first, by what makes them of the stacked factors F: Q = F · to, F = Q · from. */
interface Basis {
  /** [R, r] */
  to: Matrix
  /** [r, R] */
  from: Matrix
}

/**
 * The space that the stacked factors of one layer span: matrices up · X · down are small matrices ('cores') [r, r'] in
 * it, by the singular vectors of all ups side by side and of all downs. No matrix of the layer's own size is made.
 */
export class FactorSpace {
  private constructor(
    private readonly stacked: StackedFactors,
    private readonly left: Basis,
    private readonly right: Basis,
    private readonly products: MatrixProducts,
  ) {}

  static async of(stacked: StackedFactors, products: MatrixProducts): Promise<FactorSpace> {
    const rank = stacked.up.columns
    const left = await basisOf(await gramOfColumns(stacked.up, products), rank, products)
    const right = await basisOf(await gramOfRows(stacked.down, products), rank, products)
    return new FactorSpace(stacked, left, right, products)
  }

  /** up · X · down of all factors as a core. @param mixing X [R, R]; the unit matrix if absent */
  async core(mixing?: Matrix): Promise<Matrix> {
    const from = mixing ? await this.products.multiply(this.left.from, mixing) : this.left.from
    return this.products.multiply(from, this.right.from, 'right transposed')
  }

  /** Each adapter's own change as a core. */
  async cores(): Promise<Matrix[]> {
    const cores: Matrix[] = []
    let first = 0
    for (const rank of this.stacked.ranks) {
      const [left, right] = [this.left, this.right].map(({ from }) => columnsOf(from, first, rank)) as [Matrix, Matrix]
      cores.push(await this.products.multiply(left, right, 'right transposed'))
      first += rank
    }
    return cores
  }

  /** Rank of each adapter. */
  get ranks(): readonly number[] {
    return this.stacked.ranks
  }

  /** What every row of down gives on inputs [S, d] of the layer: [R, S]. */
  responses(inputs: Matrix): Promise<Matrix> {
    return this.products.multiply(this.stacked.down, inputs, 'right transposed')
  }

  /** The matrix of the layer's size that a core stands for, as a product. */
  async product(core: Matrix): Promise<Product> {
    const { up, down } = this.stacked
    const [left, right] = [await this.products.multiply(this.left.to, core), this.right.to]
    return {
      up: await this.products.multiply(up, left),
      down: await this.products.multiply(right, down, 'left transposed'),
    }
  }

  /** The best approximation of a core's matrix; null for zeros. σ is shared evenly between the factors. */
  async best(core: Matrix, kept: Kept): Promise<(Product & { rank: number }) | null> {
    const found = await truncatedSvd(core, kept, this.products)
    if (!found) return null
    const { multiply } = doubles(this.products)
    const left = await multiply(this.left.to, found.up)
    const right = await multiply(found.down, this.right.to, 'right transposed')
    return {
      rank: found.rank,
      up: await multiply(this.stacked.up, left),
      down: await multiply(right, this.stacked.down),
    }
  }
}

/** Products in float64 of factors of which some may be in float32. */
function doubles(products: MatrixProducts): Pick<MatrixProducts, 'multiply'> {
  const inDoubles = (matrix: Matrix): Matrix => ({ ...matrix, data: Float64Array.from(matrix.data) })
  return { multiply: (left, right, sides) => products.multiply(inDoubles(left), inDoubles(right), sides) }
}

/** From the inner products of all vectors: their eigenvectors E and values λ give Q = F E λ^-½. */
async function basisOf(gram: Float64Array, size: number, products: MatrixProducts): Promise<Basis> {
  const { values, vectors } = await largestEigen(gram, size, products)
  const rank = values.filter((value) => value > size * NEGLIGIBLE * values[0]!).length
  const to = new Float64Array(size * rank)
  const from = new Float64Array(rank * size)
  for (let i = 0; i < rank; i++) {
    const root = Math.sqrt(values[i]!)
    for (let k = 0; k < size; k++) {
      const value = vectors.data[k * size + i]!
      to[k * rank + i] = value / root
      from[i * size + k] = value * root
    }
  }
  return { to: { data: to, rows: size, columns: rank }, from: { data: from, rows: rank, columns: size } }
}

function columnsOf({ data, rows, columns }: Matrix, first: number, count: number): Matrix {
  const result = new Float64Array(rows * count)
  for (let row = 0; row < rows; row++)
    result.set(data.subarray(row * columns + first, row * columns + first + count), row * count)
  return { data: result, rows, columns: count }
}
