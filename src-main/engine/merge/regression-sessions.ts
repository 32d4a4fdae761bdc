import { createSession, type Provider, type Session, type Tensor } from '../runtime/session'
import { addedProductGraph, blockProductGraph, rowProductGraph, type BlockFactor } from './regression-graph'

/** The few sessions that all layers of a feature regression share: their graphs leave all sizes open. */
export class RegressionSessions {
  private readonly sessions = new Map<string, Promise<Session>>()

  /**
   * @param provider of products in float32; those of the solve are float64, which only the processor has everywhere
   * @param threads of a matrix product; the runtime's own choice if absent. They change no result.
   */
  constructor(
    private readonly provider: Provider,
    private readonly threads?: number,
  ) {}

  /** left · rightᵀ of rows, float32: [n, k] and [m, k] → [n, m]. */
  async rowProduct(left: Tensor, right: Tensor): Promise<Float32Array> {
    const session = await this.session('rows', this.provider, rowProductGraph)
    const { product } = await session.run({ left, right })
    return product!.data as Float32Array
  }

  /** mean + left · right, float32, into `sum` [n, d]. */
  async addedProduct(mean: Tensor, left: Tensor, right: Tensor, sum: Tensor): Promise<void> {
    const session = await this.session('added', this.provider, addedProductGraph)
    await session.run({ mean, left, right }, { sum })
  }

  /** left · right, or from − left · right, float64 (regression-graph.ts). */
  async blockProduct(factor: BlockFactor, left: Tensor, right: Tensor, from?: Tensor): Promise<Float64Array> {
    const subtracts = from !== undefined
    const session = await this.session(`${factor} ${subtracts}`, 'cpu', () => blockProductGraph(factor, subtracts))
    const { result } = await session.run({ left, right, ...(from && { from }) })
    return result!.data as Float64Array
  }

  async release(): Promise<void> {
    for (const session of this.sessions.values()) await (await session).release()
    this.sessions.clear()
  }

  private session(key: string, provider: Provider, graph: () => Uint8Array): Promise<Session> {
    let session = this.sessions.get(key)
    if (!session) {
      const { threads } = this
      session = createSession(graph(), { provider, ...(threads !== undefined && { threads }) })
      this.sessions.set(key, session)
    }
    return session
  }
}
