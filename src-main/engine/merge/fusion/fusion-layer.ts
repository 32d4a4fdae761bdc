import type { YieldOrCancel } from '../../cancel'
import type { Normaliser } from '../../../contract/document/project'
import type { Tensor } from '../../runtime/session'
import type { KernelBuffer, Kernels } from '../../tensor/kernels'
import {
  blockSizes,
  canScreen,
  fusionBuffers,
  fusionMemory,
  stackedRows,
  TILE_COLUMNS,
  TILE_ROWS,
  type BlockSizes,
  type FusionBuffers,
  type Room,
} from './fusion-blocks'
import {
  emptySums,
  reportOf,
  rowSums,
  weightedMean,
  weightedSums,
  type LayerReport,
  type ModelSums,
} from './layer-report'
import type { LayerRows } from './layer-rows'
import { inverseLengths, LayerSums, type SumSettings } from './layer-sums'
import { normaliserOf } from './normalisers'
import { isOwnOnly, screenOf } from './screen'
import {
  FeatureRows,
  rowStatistics,
  type MeasuredRows,
  type FeatureSamples,
  type FusionSessions,
  type RowStatistics,
  type ScanKind,
  type StatisticsBlock,
} from './statistics'
import { autoThreshold } from './threshold'

export interface FusionOptions {
  normaliser: Normaliser
  threshold: number | 'auto'
  /** Weight α_m ≥ 0 per model, base first; not all 0. */
  weights: readonly number[]
  /** Samples of the statistics; null: exact. */
  samples: FeatureSamples | null
}

/** Merged rows of a layer, as they are made. */
export interface MergedRows {
  start: number
  count: number
  /** [count, inputs], float32 */
  weights: KernelBuffer
}

/** Rows of one model's contribution to a layer, as they are made. */
export interface ContributedRows {
  start: number
  count: number
  /** σ_i · A_m [count, inputs], float64; rows of dead base rows are 0. May be overwritten. */
  sums: KernelBuffer
  /** What goes with them, complete for these rows. */
  contribution: Contribution
}

/** What one model gives to a layer beside A_m: enough for Z, the bias and the report of any re-weighting. */
export interface Contribution {
  /** σ of the base's rows and of the model's. */
  sigma: { base: Float64Array; model: Float64Array }
  /** P of the model's own rows with the base's [rows]; 1 for the base itself. */
  own: Float64Array
  parts: ModelSums
}

/** @param parts the model's sums */
export function contributionOf({ sigma, own }: RowStatistics, model: number, parts: ModelSums): Contribution {
  return {
    sigma: { base: sigma[0]!, model: sigma[model]! },
    own: model === 0 ? new Float64Array(sigma[0]!.length).fill(1) : own[model - 1]!,
    parts,
  }
}

/** Outputs of a scan for base rows [start, start + count) and rows [first, first + columns) of a model. */
export interface ScannedTile {
  start: number
  count: number
  model: number
  first: number
  columns: number
  outputs: Record<string, Tensor>
}

export interface FusionResult {
  report: LayerReport
  /** Merged bias [rows]; null where the layer has none. */
  bias: Float64Array | null
  /** Z_i [rows] and κ_i [rows]; Σ α and 1 for rows that took the mean. */
  z: Float64Array
  kappa: Float64Array
}

/** Merges one layer by FeatureFusion (paper, equations 14–17; method.md). */
export class FusionLayer {
  private readonly featureRows: FeatureRows
  private readonly sizes: BlockSizes
  private readonly buffers: FusionBuffers
  private readonly sums: LayerSums

  /**
   * @param kernels its buffers are taken back first: one layer at a time
   * @param room 'own-rows': rows can be summed only by settings with which no others take part
   */
  constructor(
    private readonly layer: LayerRows,
    private readonly options: FusionOptions,
    private readonly sessions: FusionSessions,
    private readonly kernels: Kernels,
    room: Room = 'all',
  ) {
    this.featureRows = new FeatureRows(layer, options.samples, sessions, kernels)
    const { width } = this.featureRows
    this.sizes = blockSizes(layer, width)
    this.buffers = fusionBuffers(layer, options.samples !== null, width, kernels, room)
    this.sums = new LayerSums(layer, this.featureRows, this.sizes, this.buffers, sessions, kernels)
  }

  /** Memory that a Kernels object needs for this layer; `samples` null: exact statistics. */
  static memory(layer: LayerRows, samples: number | null, room: Room = 'all'): number {
    return fusionMemory(layer, samples !== null, samples ?? layer.inputs, room)
  }

  /**
   * Merges the layer and hands its rows to `write` as they are done.
   * @param yieldOrCancel called between products: throws to stop
   * @param prepared what `prepare` gave for the same rows and options; found now if absent
   */
  async merge(
    write: (rows: MergedRows) => void,
    yieldOrCancel: YieldOrCancel,
    prepared?: SumSettings,
  ): Promise<FusionResult> {
    const { layer, options } = this
    const settings = prepared ?? (await this.prepare(yieldOrCancel))
    const { statistics, threshold } = settings
    const parts = Array.from({ length: layer.models }, () => emptySums(layer.rows))
    const z = new Float64Array(layer.rows)
    const kappa = new Float64Array(layer.rows)
    const bias = layer.biases ? new Float64Array(layer.rows) : null
    let rowsWithoutWeight = 0
    let mergedNorm = 0
    const block = this.sums.blockRows(settings)
    for (let start = 0; start < layer.rows; start += block) {
      const count = Math.min(block, layer.rows - start)
      await this.sums.combine({ start, count }, settings, parts, yieldOrCancel)
      const { merged } = this.buffers
      const weighted = weightedSums(parts, options.weights, start, count)
      for (let row = start; row < start + count; row++) {
        const sigma = statistics.sigma[0]![row]!
        const sums = rowSums(weighted, row - start)
        const normaliser = sigma > 0 ? normaliserOf(options.normaliser, sums, sigma) : 0
        const sum = merged.pointer + (row - start) * layer.inputs * 8
        // Merged rows take the place of the sums: none is longer than what it was made from.
        const pointer = merged.pointer + (row - start) * layer.inputs * 4
        if (normaliser === 0) {
          if (sigma > 0) rowsWithoutWeight++
          this.meanRow(row, merged.floats(layer.inputs, (row - start) * layer.inputs))
          z[row] = options.weights.reduce((sum, weight) => sum + weight, 0)
          kappa[row] = 1
          if (bias) bias[row] = weightedMean(options.weights, layer.biases!, row)
        } else {
          this.kernels.run.divide(sum, pointer, layer.inputs, sigma * normaliser)
          z[row] = normaliser
          kappa[row] = sums.absolute / (sigma * Math.abs(normaliser))
          if (bias) bias[row] = sums.bias / (sigma * normaliser)
        }
        mergedNorm += this.kernels.run.dot(pointer, pointer, layer.inputs)
      }
      write({ start, count, weights: merged })
    }
    const baseNorm = statistics.baseSquares.reduce((sum, square) => sum + square, 0)
    const report = reportOf({
      layer,
      statistics,
      weights: options.weights,
      normaliser: options.normaliser,
      threshold,
      parts,
      z,
      kappa,
      normRatio: baseNorm > 0 ? Math.sqrt(mergedNorm / baseNorm) : 1,
      rowsWithoutWeight,
    })
    return { report, bias, z, kappa }
  }

  /**
   * A_m = C_m K_m of models and what goes with it (method.md, 'Model weights'): before weights and normalisation.
   * @param write gets a model's rows in their order; where models take turns, the same rows of all one after the other
   * @param yieldOrCancel called between products: throws to stop
   * @param prepared what `prepare` gave for the same rows, with a weight for each of these models; found now if absent
   */
  async contributions(
    models: readonly number[],
    write: (model: number, rows: ContributedRows) => void,
    yieldOrCancel: YieldOrCancel,
    prepared?: SumSettings,
  ): Promise<Contribution[]> {
    const { layer } = this
    const asked = Array.from({ length: layer.models }, (_, model) => (models.includes(model) ? 1 : 0))
    const shared = prepared ?? (await this.prepare(yieldOrCancel, asked))
    const contributors = models.map((model) => {
      const weights = asked.map((_, m) => (m === model ? 1 : 0))
      const parts = weights.map(() => emptySums(layer.rows))
      const contribution = contributionOf(shared.statistics, model, parts[model]!)
      return { model, settings: { ...shared, weights }, parts, contribution }
    })
    // Blocks of own rows are small: whoever reads the base's rows beside them then finds them read already.
    const takeTurns = isOwnOnly(shared.screen, asked)
    for (const group of takeTurns ? [contributors] : contributors.map((contributor) => [contributor])) {
      const block = this.sums.blockRows(group[0]!.settings)
      for (let start = 0; start < layer.rows; start += block) {
        const count = Math.min(block, layer.rows - start)
        for (const { model, settings, parts, contribution } of group) {
          await this.sums.combine({ start, count }, settings, parts, yieldOrCancel)
          write(model, { start, count, sums: this.buffers.merged, contribution })
        }
      }
    }
    return contributors.map(({ contribution }) => contribution)
  }

  /** The threshold that holds for this layer: the setting's, or what 'auto' makes of its rows. */
  async decideThreshold(): Promise<number> {
    const { threshold } = this.options
    return threshold === 'auto' ? this.threshold(await this.statistics()) : threshold
  }

  /**
   * Runs over all pairs of base rows and rows of every model without merging: `look` gets the outputs of the graph of
   * that kind (fusion-graph.ts). Bands of base rows come in order, each with all models in order.
   * @param statistics null: lengths are taken from the rows as they come by, for whom needs no more
   * @param bandRows base rows of a band, for which all models are read once; as many as are held if absent
   */
  async scan(
    kind: ScanKind,
    statistics: RowStatistics | null,
    look: (tile: ScannedTile) => void,
    yieldOrCancel: YieldOrCancel,
    bandRows = this.sizes.block,
  ): Promise<void> {
    const { layer, sizes, buffers, featureRows } = this
    const { width } = featureRows
    const band = Math.min(bandRows, sizes.block)
    const tile = Math.floor((TILE_ROWS * TILE_COLUMNS) / sizes.columns)
    for (let start = 0; start < layer.rows; start += band) {
      const count = Math.min(band, layer.rows - start)
      await this.sums.loadLeft(start, count, statistics && statistics.sigma[0]!)
      for (let model = 0; model < layer.models; model++) {
        for (let first = 0; first < layer.rows; first += sizes.columns) {
          const columns = Math.min(sizes.columns, layer.rows - first)
          const { weights, features, scratch } = buffers
          const right = await featureRows.load(model, first, columns, weights, features, scratch)
          const inverse = statistics
            ? inverseLengths(statistics.sigma[model]!.subarray(first, first + columns))
            : inverseLengths(featureRows.lengths(right, columns))
          for (let row = 0; row < count; row += tile) {
            await yieldOrCancel()
            const rows = Math.min(tile, count - row)
            const session = await this.sessions.scan(kind, { rows, columns, width })
            const outputs = await session.run({
              left: { data: buffers.left.floats(rows * width, row * width), dims: [rows, width] },
              right: { data: right.floats(columns * width), dims: [columns, width] },
              inverse: { data: inverse, dims: [columns] },
            })
            look({ start: start + row, count: rows, model, first, columns, outputs })
          }
        }
      }
    }
  }

  /** Row lengths and own-row correlations. */
  statistics(): Promise<MeasuredRows> {
    const { columns, tile } = this.sizes
    return this.rowStatistics({ rows: Math.min(columns, tile), stacked: false })
  }

  private rowStatistics(block: StatisticsBlock): Promise<MeasuredRows> {
    return rowStatistics(this.layer, this.featureRows, this.kernels, this.buffers, block, this.sessions)
  }

  /** Whether products may be left out at all: else `prepare` finds nothing but what `merge` would find. */
  async screens(): Promise<boolean> {
    const { layer, featureRows, sessions } = this
    return this.options.threshold !== 0 && canScreen(layer, featureRows.width) && (await sessions.screensRows())
  }

  /**
   * What is known before rows are summed: from one pass over all rows, and one over the base's to leave products out.
   * @param yieldOrCancel called between products: throws to stop
   */
  async prepare(yieldOrCancel: YieldOrCancel, weights = this.options.weights): Promise<SumSettings> {
    const { layer, sizes, featureRows, sessions, kernels, buffers } = this
    const screens = await this.screens()
    const statistics = await (screens
      ? this.rowStatistics({ rows: stackedRows(layer, sizes), stacked: true })
      : this.statistics())
    const threshold = this.threshold(statistics)
    const tools = { layer, featureRows, sessions, kernels, buffers }
    const screen = screens ? await screenOf(tools, statistics, threshold, weights, yieldOrCancel) : null
    return { weights, statistics, threshold, screen }
  }

  private threshold({ sigma, own }: RowStatistics): number {
    const { threshold } = this.options
    if (threshold !== 'auto') return threshold
    const { layer, featureRows } = this
    const freedom = Math.min(layer.inputs, featureRows.width)
    return autoThreshold(own, (row) => sigma[0]![row]! > 0, layer.models * layer.rows, freedom)
  }

  /** Σ α_m w_m,i / Σ α_m: what a row takes that has no correlations. */
  private meanRow(row: number, into: Float32Array): void {
    const { layer, options, buffers } = this
    const sum = new Float64Array(layer.inputs)
    options.weights.forEach((weight, model) => {
      if (weight === 0) return
      layer.read(model, row, 1, buffers.weights, buffers.scratch, this.kernels)
      const values = buffers.weights.floats(layer.inputs)
      for (let i = 0; i < sum.length; i++) sum[i]! += weight * values[i]!
    })
    const total = options.weights.reduce((all, weight) => all + weight, 0)
    into.set(sum.map((value) => value / total))
  }
}
