import { availableParallelism } from 'node:os'
import { createSession, type Provider, type Session } from './session'

/** Sizes of a matrix product [rows, inner] · [inner, columns]. */
export interface ProductSize {
  rows: number
  columns: number
  inner: number
}

/** Terms that ONNX Runtime adds up in one go, whatever the shape of a product (MLAS_SGEMM_STRIDEK). */
const ADDED_AT_ONCE = 128
/** Columns are given to threads in blocks of so many (MLAS_SGEMM_STRIDEN_THREAD_ALIGN). */
const BLOCK_COLUMNS = 16
/** Blocks of columns of a thread, of which the last may be short: more than 64 columns, see below. */
const LEAST_BLOCKS = 5

/**
 * Threads among which ONNX Runtime may divide a product on the processor without a change in the last bits. The runtime
 * divides a product by rows, or by columns where these are more (onnxruntime/core/mlas/lib/sgemm.cpp), and how it adds
 * up the terms of an element depends on the part that a thread gets: parts of one row take another routine, and in parts
 * of at most 64 columns longer runs of terms are added at once. Within this limit no part is so small, so that the
 * result is that of one thread.
 */
export function threadLimit({ rows, columns, inner }: ProductSize): number {
  if (rows < 2 || columns < 2) return 1
  if (columns <= rows) return Math.floor(rows / 2)
  if (inner <= ADDED_AT_ONCE) return Infinity
  return Math.max(1, Math.floor(Math.ceil(columns / BLOCK_COLUMNS) / LEAST_BLOCKS))
}

/**
 * Whether the elements of a product on the processor come out, to the last bit, as they do in any larger product of the
 * same terms: neither of one row nor of few columns, see threadLimit.
 */
export function matchesLarger({ rows, columns, inner }: ProductSize): boolean {
  return rows >= 2 && (inner <= ADDED_AT_ONCE || columns > BLOCK_COLUMNS * (LEAST_BLOCKS - 1))
}

/** Sessions of small graphs of matrix products that leave their sizes open: made once, and shared by all layers. */
export class ProductSessions {
  private readonly sessions = new Map<string, Promise<Session>>()

  /**
   * @param provider where products run
   * @param threads of a product; the runtime's own choice if absent. They change no result: small products get fewer.
   */
  constructor(
    private readonly provider: Provider,
    private readonly threads?: number,
  ) {}

  /**
   * The session of a graph.
   * @param key names the graph
   * @param products that the graph runs, for this run's sizes
   */
  get(
    key: string,
    graph: () => Uint8Array,
    products: readonly ProductSize[],
    provider = this.provider,
  ): Promise<Session> {
    const threads = provider === 'cpu' ? this.threadsFor(products) : this.threads
    const name = `${key} ${provider} ${threads}`
    let session = this.sessions.get(name)
    if (!session) {
      session = createSession(graph(), { provider, ...(threads !== undefined && { threads }) })
      this.sessions.set(name, session)
    }
    return session
  }

  async release(): Promise<void> {
    for (const session of this.sessions.values()) await (await session).release()
    this.sessions.clear()
  }

  private threadsFor(products: readonly ProductSize[]): number | undefined {
    const limit = Math.min(...products.map(threadLimit))
    if (this.threads === undefined && limit >= availableParallelism()) return undefined
    return Math.min(limit, this.threads ?? limit)
  }
}
