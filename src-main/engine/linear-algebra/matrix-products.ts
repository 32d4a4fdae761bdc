import { GraphBuilder } from '../graph/onnx-builder'
import { ONNX_DATA_TYPE } from '../graph/onnx-schema'
import { ProductSessions } from '../runtime/product-sessions'
import type { Provider } from '../runtime/session'

/** A matrix in memory, row-major. */
export interface Matrix {
  data: Float32Array | Float64Array
  rows: number
  columns: number
}

/** Zeros in the element type of some values. */
export function emptyLike(data: Matrix['data'], length: number): Matrix['data'] {
  return data instanceof Float64Array ? new Float64Array(length) : new Float32Array(length)
}

/** A factor in the element type of a matrix, itself where it has that. */
export function inTypeOf({ data }: Matrix, factor: Matrix): Matrix {
  if (data instanceof Float64Array === factor.data instanceof Float64Array) return factor
  const converted = emptyLike(data, factor.data.length)
  converted.set(factor.data)
  return { ...factor, data: converted }
}

/** How the factors of a product are read: each as it is, or as its transpose. */
export type Sides = 'plain' | 'left transposed' | 'right transposed' | 'both transposed'

/** Which of the factors are read as their transposes. */
const TRANSPOSED: { readonly [sides in Sides]: readonly [left: boolean, right: boolean] } = {
  plain: [false, false],
  'left transposed': [true, false],
  'right transposed': [false, true],
  'both transposed': [true, true],
}

interface ProductTypes {
  /** Of the factors. */
  type: 'F32' | 'F64'
  /** In which they are multiplied. */
  sumType: 'F32' | 'F64'
}

/** Products of matrices by ONNX Runtime. */
export class MatrixProducts {
  private readonly sessions: ProductSessions

  /** @param threads of a product; the runtime's own choice if absent. They change no result. */
  constructor(provider: Provider = 'cpu', threads?: number) {
    this.sessions = new ProductSessions(provider, threads)
  }

  /** Left · right in the element type of both; zeros where there is nothing to add up. */
  multiply(left: Matrix, right: Matrix, sides: Sides = 'plain'): Promise<Matrix> {
    const type = typeOf(left)
    return this.run(left, right, sides, { type, sumType: type })
  }

  /** The same of factors of any element type, multiplied and added up in float64. */
  async multiplyInDoubles(
    left: Matrix,
    right: Matrix,
    sides: Sides = 'plain',
  ): Promise<Matrix & { data: Float64Array }> {
    const { data, ...size } = await this.run(left, right, sides, { type: typeOf(left), sumType: 'F64' })
    return { data: data as Float64Array, ...size }
  }

  /** Whole − left · right, all of one element type; there is something to multiply. */
  subtractProduct(whole: Matrix, left: Matrix, right: Matrix, sides: Sides = 'plain'): Promise<Matrix> {
    const type = typeOf(left)
    return this.run(left, right, sides, { type, sumType: type }, whole)
  }

  /** @param whole the product is subtracted from this, where it is given */
  private async run(left: Matrix, right: Matrix, sides: Sides, types: ProductTypes, whole?: Matrix): Promise<Matrix> {
    const [leftTurned, rightTurned] = TRANSPOSED[sides]
    const [rows, inner] = leftTurned ? [left.columns, left.rows] : [left.rows, left.columns]
    const columns = rightTurned ? right.rows : right.columns
    const { type, sumType } = types
    if (rows * inner * columns === 0) {
      const length = rows * columns
      return { data: sumType === 'F64' ? new Float64Array(length) : new Float32Array(length), rows, columns }
    }
    const session = await this.sessions.get(
      `${sides} ${type} ${sumType} ${whole ? 'subtracted' : ''}`,
      () => productGraph(sides, types, whole !== undefined),
      [{ rows, columns, inner }],
      // Float64 is what only the processor has everywhere.
      ...(sumType === 'F64' ? (['cpu'] as const) : []),
    )
    const factors = { left: tensorOf(left), right: tensorOf(right) }
    const { result } = await session.run(whole ? { ...factors, whole: tensorOf(whole) } : factors)
    return { data: result!.data as Matrix['data'], rows, columns }
  }

  async release(): Promise<void> {
    await this.sessions.release()
  }
}

function typeOf({ data }: Matrix): 'F32' | 'F64' {
  return data instanceof Float64Array ? 'F64' : 'F32'
}

function tensorOf({ data, rows, columns }: Matrix) {
  return { data, dims: [rows, columns] }
}

function productGraph(sides: Sides, { type, sumType }: ProductTypes, isSubtracted: boolean): Uint8Array {
  const graph = new GraphBuilder('matrix_product')
  const [leftTurned, rightTurned] = TRANSPOSED[sides]
  const left = graph.input('left', type, leftTurned ? ['k', 'n'] : ['n', 'k'])
  const right = graph.input('right', type, rightTurned ? ['m', 'k'] : ['k', 'm'])
  const factors = [left, right].map((factor) =>
    type === sumType ? factor : graph.node('Cast', [factor], { to: ONNX_DATA_TYPE[sumType] }),
  )
  const transposed = { transA: Number(leftTurned), transB: Number(rightTurned) }
  const result = isSubtracted
    ? graph.node('Gemm', [...factors, graph.input('whole', type, ['n', 'm'])], { ...transposed, alpha: { float: -1 } })
    : graph.node('Gemm', factors, transposed)
  graph.output('result', result, sumType, ['n', 'm'])
  return graph.toBytes()
}
