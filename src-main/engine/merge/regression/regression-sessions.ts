import { ProductSessions, type ProductSize } from '../../runtime/product-sessions'
import type { Provider, Tensor } from '../../runtime/session'
import { addedProductGraph, blockProductGraph, rowProductGraph, type BlockFactor } from './regression-graph'

/** The few sessions that all layers of a feature regression share: their graphs leave all sizes open. */
export class RegressionSessions {
  private readonly sessions: ProductSessions

  /**
   * @param provider of products in float32; those of the solve are float64, which only the processor has everywhere
   * @param threads of a matrix product; the runtime's own choice if absent. They change no result.
   */
  constructor(provider: Provider, threads?: number) {
    this.sessions = new ProductSessions(provider, threads)
  }

  /** left · rightᵀ of rows, float32: [n, k] and [m, k] → [n, m]. */
  async rowProduct(left: Tensor, right: Tensor): Promise<Float32Array> {
    const session = await this.sessions.get('rows', rowProductGraph, [sizeOf(left, right.dims[0]!)])
    const { product } = await session.run({ left, right })
    return product!.data as Float32Array
  }

  /** mean + left · right, float32, into `sum` [n, d]. */
  async addedProduct(mean: Tensor, left: Tensor, right: Tensor, sum: Tensor): Promise<void> {
    const session = await this.sessions.get('added', addedProductGraph, [sizeOf(left, right.dims[1]!)])
    await session.run({ mean, left, right }, { sum })
  }

  /** left · right, or from − left · right, float64 (regression-graph.ts). */
  async blockProduct(factor: BlockFactor, left: Tensor, right: Tensor, from?: Tensor): Promise<Float64Array> {
    const subtracts = from !== undefined
    const size = sizeOf(left, right.dims[factor === 'transposed' ? 0 : 1]!)
    const graph = (): Uint8Array => blockProductGraph(factor, subtracts)
    const session = await this.sessions.get(`${factor} ${subtracts}`, graph, [size], 'cpu')
    const { result } = await session.run({ left, right, ...(from && { from }) })
    return result!.data as Float64Array
  }

  async release(): Promise<void> {
    await this.sessions.release()
  }
}

/** @param left [rows, inner] */
function sizeOf({ dims }: Tensor, columns: number): ProductSize {
  return { rows: dims[0]!, columns, inner: dims[1]! }
}
