import { ProductSessions } from '../../runtime/product-sessions'
import type { Provider, Session } from '../../runtime/session'
import type { KernelBuffer, Kernels } from '../../tensor/kernels'
import {
  correlationGraph,
  correlationSummaryGraph,
  fusionTileGraph,
  projectionGraph,
  rowProductsGraph,
  rowsPerProduct,
} from './fusion-graph'
import type { LayerRows } from './layer-rows'

/** Samples on which features are taken; without them statistics are exact (method.md, 'Statistics of a layer'). */
export interface FeatureSamples {
  /** X [d, count], row-major. */
  values: Float32Array
  count: number
  /** Whether features are centred; moments that are already covariances are not. */
  centred: boolean
}

/** What a scan over all pairs of rows yields: correlationGraph or correlationSummaryGraph. */
export type ScanKind = 'correlations' | 'summary'

/** Sizes of a product of base rows with rows of a model. */
export interface TileSize {
  /** Base rows. */
  rows: number
  /** Rows of the model. */
  columns: number
  /** Length of a feature row. */
  width: number
}

/** A large product and a part of it, with which it is tried whether the size of a product changes its elements. */
const COMPARED = { rows: 130, columns: 700, width: 600, part: { first: 333, rows: 20, columns: 80 } }

/** The few sessions that all layers of a merge share: their graphs leave all sizes open but one. */
export class FusionSessions {
  private readonly sessions: ProductSessions
  private readonly provider: Provider
  private smallMatchLarge: Promise<boolean> | undefined

  /**
   * @param threads of a matrix product; the runtime's own choice if absent. They change no result.
   * @param screens whether products that no entry of can pass the threshold may be left out: it changes no result
   */
  constructor(
    provider: Provider,
    threads?: number,
    private readonly screens = true,
  ) {
    this.sessions = new ProductSessions(provider, threads)
    this.provider = provider
  }

  /** @param inputs length of a weight row */
  tile({ rows, columns, width }: TileSize, inputs: number, thresholded: boolean): Promise<Session> {
    // Without a threshold no size is fixed but the number of rows, which only names the outputs' shapes.
    return this.sessions.get(`tile ${rows} ${thresholded}`, () => fusionTileGraph(rows, thresholded), [
      { rows, columns, inner: width },
      { rows, columns: 2, inner: columns },
      ...rowsPerProduct(rows, thresholded).map((count) => ({ rows: count, columns: inputs, inner: columns })),
    ])
  }

  /** Correlations themselves, or what they add up to. */
  scan(kind: ScanKind, { rows, columns, width }: TileSize): Promise<Session> {
    const graph = kind === 'correlations' ? correlationGraph : correlationSummaryGraph
    return this.sessions.get(kind, graph, [{ rows, columns, inner: width }])
  }

  /** Of rows with rows. */
  products({ rows, columns, width }: TileSize): Promise<Session> {
    return this.sessions.get('products', rowProductsGraph, [{ rows, columns, inner: width }])
  }

  /** Of `rows` weight rows of length `inputs` on `samples` samples. */
  projection(rows: number, inputs: number, samples: number, centred: boolean): Promise<Session> {
    const product = { rows, columns: samples, inner: inputs }
    return this.sessions.get(`projection ${centred}`, () => projectionGraph(centred), [product])
  }

  /**
   * Whether products may be left out by a screen: on the processor, where an element of a small product is found to be
   * the same bits as in a large one.
   */
  screensRows(): Promise<boolean> {
    return (this.smallMatchLarge ??=
      this.screens && this.provider === 'cpu' ? this.compareProducts() : Promise.resolve(false))
  }

  private async compareProducts(): Promise<boolean> {
    const { rows, columns, width, part } = COMPARED
    const numbers = (count: number, seed: number): Float32Array =>
      Float32Array.from({ length: count }, (_, i) => Math.sin((i + 1) * seed))
    const [left, right] = [numbers(rows * width, 1.7), numbers(columns * width, 2.3)]
    const multiply = async (first: number, count: number, partOfRows: number): Promise<Float32Array> => {
      const session = await this.products({ rows: partOfRows, columns: count, width })
      const { products } = await session.run({
        left: { data: left.subarray(0, partOfRows * width), dims: [partOfRows, width] },
        right: { data: right.subarray(first * width, (first + count) * width), dims: [count, width] },
      })
      return products!.data as Float32Array
    }
    const large = await multiply(0, columns, rows)
    const small = await multiply(part.first, part.columns, part.rows)
    return small.every((value, at) => {
      const [row, column] = [Math.floor(at / part.columns), at % part.columns]
      return value === large[row * columns + part.first + column]
    })
  }

  async release(): Promise<void> {
    await this.sessions.release()
  }
}

/** Loads weight rows and their features: the rows themselves for exact statistics, else their products with samples. */
export class FeatureRows {
  /** Length of a feature row. */
  readonly width: number

  constructor(
    private readonly layer: LayerRows,
    private readonly samples: FeatureSamples | null,
    private readonly sessions: FusionSessions,
    private readonly kernels: Kernels,
  ) {
    this.width = samples?.count ?? layer.inputs
  }

  /**
   * Reads the rows [start, start + count) of a model into `weights` [count, d] and returns their features
   * [count, width]: in `features`, or for exact statistics in `weights` itself.
   */
  async load(
    model: number,
    start: number,
    count: number,
    weights: KernelBuffer,
    features: KernelBuffer,
    scratch: KernelBuffer,
  ): Promise<KernelBuffer> {
    this.layer.read(model, start, count, weights, scratch, this.kernels)
    if (!this.samples) return weights
    const { values, count: width, centred } = this.samples
    const session = await this.sessions.projection(count, this.layer.inputs, width, centred)
    await session.run(
      {
        weights: { data: weights.floats(count * this.layer.inputs), dims: [count, this.layer.inputs] },
        samples: { data: values, dims: [this.layer.inputs, width] },
      },
      { features: { data: features.floats(count * width), dims: [count, width] } },
    )
    return features
  }

  /** Copies feature rows of these lengths, brought to length 1. */
  unitRows(rows: KernelBuffer, into: KernelBuffer, lengths: Float64Array): void {
    const count = lengths.length * this.width
    into.floats(count).set(rows.floats(count))
    lengths.forEach((length, row) => {
      this.kernels.run.scale(into.pointer + row * this.width * 4, this.width, length > 0 ? 1 / length : 0)
    })
  }

  /** Lengths of `count` feature rows that `load` returned. */
  lengths({ pointer }: KernelBuffer, count: number): Float64Array {
    const stride = this.width * 4
    return Float64Array.from({ length: count }, (_, row) =>
      Math.sqrt(this.kernels.run.dot(pointer + row * stride, pointer + row * stride, this.width)),
    )
  }
}

/** Lengths of all feature rows and how every specialist's rows agree with the base's own. */
export interface RowStatistics {
  /** σ [rows] per model: length of the feature row (the standard deviation times a constant that cancels). */
  sigma: readonly Float64Array[]
  /** P_i,own [rows] per specialist (the base left out): correlation of row i with the base's row i. */
  own: readonly Float64Array[]
}

/** What one pass over all rows finds. */
export interface MeasuredRows extends RowStatistics {
  /** ‖k_i‖² of the base's weight rows [rows]. */
  baseSquares: Float64Array
  /**
   * Per model, base first, the products of its rows with the base's own of unit length [rows], to the last bit as a
   * product of many rows gives them (fusionTileGraph's G); absent where they are not wanted.
   */
  ownProducts?: readonly Float32Array[]
}

/** Memory for rowStatistics. */
export interface StatisticsBuffers {
  /** Rows of the models, and their features: the same for exact statistics. */
  weights: KernelBuffer
  features: KernelBuffer
  /** Base rows of unit length. */
  left: KernelBuffer
  scratch: KernelBuffer
}

/** Where rowStatistics puts rows: those of all models under each other, or base rows apart from the others'. */
export interface StatisticsBlock {
  rows: number
  stacked: boolean
}

/**
 * One pass over all rows of all models, `block.rows` of each at a time. Where these are stacked, their products with the
 * base's come from one product of the runtime.
 */
export async function rowStatistics(
  layer: LayerRows,
  featureRows: FeatureRows,
  kernels: Kernels,
  { weights, features, left, scratch }: StatisticsBuffers,
  { rows: block, stacked }: StatisticsBlock,
  sessions: FusionSessions,
): Promise<MeasuredRows> {
  const { width } = featureRows
  const { models, rows, inputs } = layer
  const sigma = Array.from({ length: models }, () => new Float64Array(rows))
  const own = Array.from({ length: models - 1 }, () => new Float64Array(rows))
  const ownProducts = stacked ? sigma.map(() => new Float32Array(rows)) : undefined
  const baseSquares = new Float64Array(rows)
  const isExact = features === weights
  const [squares, products] = [kernels.allocateMore(block * 8), kernels.allocateMore(block * 8)]
  const placeOf = (model: number): [KernelBuffer, KernelBuffer] => {
    if (stacked) return [weights.part(model * block * inputs * 4), features.part(model * block * width * 4)]
    if (model > 0) return [weights, features]
    return isExact ? [left, left] : [weights, left]
  }
  for (let from = 0; from < rows; from += block) {
    // The last rows are taken with some of those before: a product of few rows may be added up otherwise.
    const start = stacked ? Math.max(0, Math.min(from, rows - block)) : from
    const count = Math.min(block, rows - start)
    const [place, ...others] = placeOf(0)
    const base = await featureRows.load(0, start, count, place, ...others, scratch)
    if (!isExact) {
      kernels.run.compareRows(place.pointer, place.pointer, count, inputs, squares.pointer, products.pointer)
      baseSquares.set(squares.doubles(count), start)
    }
    for (let model = 0; model < models; model++) {
      const other = model === 0 ? base : await featureRows.load(model, start, count, ...placeOf(model), scratch)
      kernels.run.compareRows(base.pointer, other.pointer, count, width, squares.pointer, products.pointer)
      if (model === 0 && isExact) baseSquares.set(squares.doubles(count), start)
      sigma[model]!.set(squares.doubles(count).map(Math.sqrt), start)
      if (model === 0) continue
      products.doubles(count).forEach((product, row) => {
        const scale = sigma[0]![start + row]! * sigma[model]![start + row]!
        own[model - 1]![start + row] = scale > 0 ? product / scale : 0
      })
    }
    if (!ownProducts) continue
    featureRows.unitRows(base, left, sigma[0]!.subarray(start, start + count))
    const columns = models * count
    const session = await sessions.products({ rows: count, columns, width })
    const found = await session.run({
      left: { data: left.floats(count * width), dims: [count, width] },
      right: { data: features.floats(columns * width), dims: [columns, width] },
    })
    const values = found['products']!.data as Float32Array
    for (let model = 0; model < models; model++)
      for (let row = 0; row < count; row++)
        ownProducts[model]![start + row] = values[row * columns + model * count + row]!
  }
  return { sigma, own, baseSquares, ...(ownProducts && { ownProducts }) }
}
