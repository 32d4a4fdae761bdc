import { ProductSessions } from '../../runtime/product-sessions'
import type { Provider, Session } from '../../runtime/session'
import type { KernelBuffer, Kernels } from '../../tensor/kernels'
import {
  correlationGraph,
  correlationSummaryGraph,
  fusionTileGraph,
  projectionGraph,
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

/** The few sessions that all layers of a merge share: their graphs leave all sizes open but one. */
export class FusionSessions {
  private readonly sessions: ProductSessions

  /** @param threads of a matrix product; the runtime's own choice if absent. They change no result. */
  constructor(provider: Provider, threads?: number) {
    this.sessions = new ProductSessions(provider, threads)
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

  /** Of `rows` weight rows of length `inputs` on `samples` samples. */
  projection(rows: number, inputs: number, samples: number, centred: boolean): Promise<Session> {
    const product = { rows, columns: samples, inner: inputs }
    return this.sessions.get(`projection ${centred}`, () => projectionGraph(centred), [product])
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

/** One pass over all rows of all models. `block` rows are held at a time, in two pairs of buffers of that size. */
export async function rowStatistics(
  layer: LayerRows,
  featureRows: FeatureRows,
  kernels: Kernels,
  buffers: { weights: KernelBuffer; features: KernelBuffer; baseWeights: KernelBuffer; baseFeatures: KernelBuffer },
  scratch: KernelBuffer,
  block: number,
): Promise<RowStatistics> {
  const { width } = featureRows
  const sigma = Array.from({ length: layer.models }, () => new Float64Array(layer.rows))
  const own = Array.from({ length: layer.models - 1 }, () => new Float64Array(layer.rows))
  for (let start = 0; start < layer.rows; start += block) {
    const count = Math.min(block, layer.rows - start)
    const base = await featureRows.load(0, start, count, buffers.baseWeights, buffers.baseFeatures, scratch)
    for (let model = 0; model < layer.models; model++) {
      const other =
        model === 0 ? base : await featureRows.load(model, start, count, buffers.weights, buffers.features, scratch)
      sigma[model]!.set(featureRows.lengths(other, count), start)
      if (model === 0) continue
      for (let row = 0; row < count; row++) {
        const at = row * width * 4
        const product = kernels.run.dot(base.pointer + at, other.pointer + at, width)
        const scale = sigma[0]![start + row]! * sigma[model]![start + row]!
        own[model - 1]![start + row] = scale > 0 ? product / scale : 0
      }
    }
  }
  return { sigma, own }
}
