import { GraphBuilder } from '../graph/onnx-builder'
import { ProductSessions } from '../runtime/product-sessions'
import type { Provider } from '../runtime/session'

/** A matrix in memory, row-major. */
export interface Matrix {
  data: Float32Array | Float64Array
  rows: number
  columns: number
}

/** How the factors of a product are read: each as it is, or as its transpose. */
export type Sides = 'plain' | 'left transposed' | 'right transposed'

/** Products of matrices by ONNX Runtime, in the element type of their factors (both the same). */
export class MatrixProducts {
  private readonly sessions: ProductSessions

  /** @param threads of a product; the runtime's own choice if absent. They change no result. */
  constructor(provider: Provider = 'cpu', threads?: number) {
    this.sessions = new ProductSessions(provider, threads)
  }

  async multiply(left: Matrix, right: Matrix, sides: Sides = 'plain'): Promise<Matrix> {
    const type = left.data instanceof Float64Array ? 'F64' : 'F32'
    const rows = sides === 'left transposed' ? left.columns : left.rows
    const inner = sides === 'left transposed' ? left.rows : left.columns
    const columns = sides === 'right transposed' ? right.rows : right.columns
    const session = await this.sessions.get(
      `${sides} ${type}`,
      () => productGraph(sides, type),
      [{ rows, columns, inner }],
      // Float64 is what only the processor has everywhere.
      ...(type === 'F64' ? (['cpu'] as const) : []),
    )
    const { product } = await session.run({ left: tensorOf(left), right: tensorOf(right) })
    return { data: product!.data as Matrix['data'], rows, columns }
  }

  async release(): Promise<void> {
    await this.sessions.release()
  }
}

function tensorOf({ data, rows, columns }: Matrix) {
  return { data, dims: [rows, columns] }
}

function productGraph(sides: Sides, type: 'F32' | 'F64'): Uint8Array {
  const graph = new GraphBuilder('matrix_product')
  const left = graph.input('left', type, sides === 'left transposed' ? ['k', 'n'] : ['n', 'k'])
  const right = graph.input('right', type, sides === 'right transposed' ? ['m', 'k'] : ['k', 'm'])
  const transposed = { transA: sides === 'left transposed' ? 1 : 0, transB: sides === 'right transposed' ? 1 : 0 }
  graph.output('product', graph.node('Gemm', [left, right], transposed), type, ['n', 'm'])
  return graph.toBytes()
}
