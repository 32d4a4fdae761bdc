import type { YieldOrCancel } from '../../cancel'
import type { KernelBuffer, Kernels } from '../../tensor/kernels'
import { ownRowsAtOnce, type BlockSizes, type FusionBuffers } from './fusion-blocks'
import { emptySums, type ModelSums } from './layer-report'
import type { LayerRows } from './layer-rows'
import { isOwnOnly, mayPass, type Screen } from './screen'
import type { FeatureRows, FusionSessions, MeasuredRows } from './statistics'

/** What every sum over a layer's rows needs: plain data, for any thread. */
export interface SumSettings {
  /** Per model, base first; 0: the model is not read. */
  weights: readonly number[]
  statistics: MeasuredRows
  threshold: number
  /** Which products can be left out; null: none. */
  screen: Screen | null
}

/** The same for some of the models: the base, and others in any order. */
export function pickModels(
  { weights, statistics, threshold, screen }: SumSettings,
  models: readonly number[],
): SumSettings {
  const pick = <T>(all: readonly T[]): T[] => models.map((model) => all[model]!)
  const { sigma, own, baseSquares } = statistics
  return {
    weights: pick(weights),
    statistics: { sigma: pick(sigma), own: models.slice(1).map((model) => own[model - 1]!), baseSquares },
    threshold,
    screen: screen && { ownProducts: pick(screen.ownProducts), entries: pick(screen.entries) },
  }
}

/** Sums over the rows of all models for a block of base rows (method.md, 'Normalisation and merge'). */
export class LayerSums {
  constructor(
    private readonly layer: LayerRows,
    private readonly featureRows: FeatureRows,
    private readonly sizes: BlockSizes,
    private readonly buffers: FusionBuffers,
    private readonly sessions: FusionSessions,
    private readonly kernels: Kernels,
  ) {}

  /** Base rows of a block. */
  blockRows({ screen, weights }: Pick<SumSettings, 'screen' | 'weights'>): number {
    return isOwnOnly(screen, weights) ? ownRowsAtOnce(this.layer, this.sizes) : this.sizes.block
  }

  /** Fills `merged` with Σ_m α_m W_m K_m (float64) of a block of base rows, and `parts` with the sums beside it. */
  async combine(
    { start, count }: { start: number; count: number },
    settings: SumSettings,
    parts: ModelSums[],
    yieldOrCancel: YieldOrCancel,
  ): Promise<void> {
    const { layer, buffers } = this
    buffers.merged.doubles(count * layer.inputs).fill(0)
    if (isOwnOnly(settings.screen, settings.weights))
      return this.combineOwn({ start, count }, settings, parts, yieldOrCancel)
    await this.loadLeft(start, count, settings.statistics.sigma[0]!)
    for (const [model, weight] of settings.weights.entries()) {
      if (weight === 0) continue
      await this.combineModel(model, { start, count }, settings, parts[model]!, yieldOrCancel)
    }
  }

  /** Unit feature rows of the base into `left`. */
  async loadLeft(start: number, count: number, sigma: Float64Array | null): Promise<void> {
    const { featureRows, sizes } = this
    const { left, weights, scratch, product } = this.buffers
    const { width } = featureRows
    // Weights that are only passed through on the way to features go by the buffers of a tile.
    for (let row = 0; row < count; row += sizes.tile) {
      const rows = Math.min(sizes.tile, count - row)
      const loaded = await featureRows.load(0, start + row, rows, weights, product, scratch)
      const lengths = sigma ? sigma.subarray(start + row, start + row + rows) : featureRows.lengths(loaded, rows)
      featureRows.unitRows(loaded, left.part(row * width * 4), lengths)
    }
  }

  /** The same where no row takes part but the models' own: no product is left to compute. */
  private async combineOwn(
    { start, count }: { start: number; count: number },
    settings: SumSettings,
    parts: ModelSums[],
    yieldOrCancel: YieldOrCancel,
  ): Promise<void> {
    const { layer, kernels } = this
    const { weights, scratch, merged } = this.buffers
    await yieldOrCancel()
    for (const [model, weight] of settings.weights.entries()) {
      if (weight === 0) continue
      layer.read(model, start, count, weights, scratch, kernels)
      this.addOwnRows(model, { start, count, weights, into: merged.pointer }, settings, parts[model]!)
    }
  }

  private async combineModel(
    model: number,
    { start, count }: { start: number; count: number },
    settings: SumSettings,
    part: ModelSums,
    yieldOrCancel: YieldOrCancel,
  ): Promise<void> {
    const { layer, sizes, buffers, featureRows } = this
    const { weights, features, scratch, merged } = buffers
    const sigma = settings.statistics.sigma[model]!
    const bias = layer.biases?.[model]
    for (let first = 0; first < layer.rows; first += sizes.columns) {
      const columns = Math.min(sizes.columns, layer.rows - first)
      const right = await featureRows.load(model, first, columns, weights, features, scratch)
      const inverse = inverseLengths(sigma.subarray(first, first + columns))
      const aside = Float32Array.from({ length: columns * 2 }, (_, i) =>
        i % 2 === 1 ? 1 : (bias?.[first + (i >> 1)] ?? 0),
      )
      for (let row = 0; row < count; row += sizes.tile) {
        await yieldOrCancel()
        const rows = Math.min(sizes.tile, count - row)
        const compared = { start: start + row, count: rows, first, columns }
        if (settings.screen && !mayPass(settings.screen, model, compared)) {
          const from = Math.max(start + row, first)
          const own = { start: from, count: Math.min(start + row + rows, first + columns) - from }
          const held = weights.part(Math.max(0, from - first) * layer.inputs * 4)
          const into = merged.pointer + (from - start) * layer.inputs * 8
          this.addOwnRows(model, { ...own, weights: held, into }, settings, part)
          continue
        }
        const into = merged.pointer + row * layer.inputs * 8
        await this.addTile(
          { row, compared, right, inverse, aside, into, weight: settings.weights[model]! },
          settings,
          part,
        )
      }
    }
  }

  /** Adds what a tile of base rows has with rows of a model. */
  private async addTile(
    {
      row,
      compared: { start, count: rows, columns },
      right,
      inverse,
      aside,
      into,
      weight,
    }: {
      /** Of the block. */
      row: number
      compared: { start: number; count: number; columns: number }
      right: KernelBuffer
      inverse: Float32Array
      aside: Float32Array
      into: number
      weight: number
    },
    { threshold }: SumSettings,
    part: ModelSums,
  ): Promise<void> {
    const { layer, kernels, buffers, featureRows } = this
    const { left, weights, product } = buffers
    const { width } = featureRows
    const session = await this.sessions.tile({ rows, columns, width }, layer.inputs, threshold > 0)
    const { sums, absolute, aligned } = await session.run(
      {
        left: { data: left.floats(rows * width, row * width), dims: [rows, width] },
        right: { data: right.floats(columns * width), dims: [columns, width] },
        inverse: { data: inverse, dims: [columns] },
        weights: { data: weights.floats(columns * layer.inputs), dims: [columns, layer.inputs] },
        aside: { data: aside, dims: [columns, 2] },
        ...(threshold > 0 && { threshold: { data: Float32Array.of(threshold), dims: [] } }),
      },
      {
        product: { data: product.floats(rows * layer.inputs), dims: [rows, layer.inputs] },
        sums: null,
        absolute: null,
        aligned: null,
      },
    )
    // In float64, so that re-weighting contributions gives the same sums (ADR 0008).
    kernels.run.accumulate(into, product.pointer, rows * layer.inputs, weight)
    for (let i = 0; i < rows; i++) {
      part.bias[start + i]! += Number(sums!.data[2 * i])
      part.signed[start + i]! += Number(sums!.data[2 * i + 1])
      part.absolute[start + i]! += Number(absolute!.data[i])
      part.aligned[start + i]! += Number(aligned!.data[i])
    }
  }

  /** Adds what base rows have with the same rows of a model. */
  private addOwnRows(
    model: number,
    { start, count, weights, into }: { start: number; count: number; weights: KernelBuffer; into: number },
    settings: SumSettings,
    part: ModelSums,
  ): void {
    const { layer, kernels } = this
    const bias = layer.biases?.[model]
    ownCoefficients(settings, model, { start, count }, (at, coefficient, scaled) => {
      addOwnRow(part, at, coefficient, scaled, bias?.[at] ?? 0)
      const row = (at - start) * layer.inputs
      const [sums, values] = [into + row * 8, weights.pointer + row * 4]
      kernels.run.accumulateScaled(sums, values, layer.inputs, coefficient, settings.weights[model]!)
    })
  }
}

/** What base rows have with the same rows of a model, over all rows of a layer where no others take part. */
export function ownSums(settings: SumSettings, model: number, bias: Float64Array | null): ModelSums {
  const rows = settings.statistics.sigma[model]!.length
  const part = emptySums(rows)
  ownCoefficients(settings, model, { start: 0, count: rows }, (at, coefficient, scaled) =>
    addOwnRow(part, at, coefficient, scaled, bias?.[at] ?? 0),
  )
  return part
}

/**
 * σ_i C_i,own of every row that passes the threshold, as fusionTileGraph gives it where every other entry is dropped:
 * rounded to float32 at the same places.
 * @param take gets the row, σ_i C_i,own, and P_i,own times the length of the model's row
 */
function ownCoefficients(
  { statistics, threshold, screen }: SumSettings,
  model: number,
  { start, count }: { start: number; count: number },
  take: (row: number, coefficient: number, scaled: number) => void,
): void {
  const { fround } = Math
  const least = fround(threshold)
  const inverse = inverseLengths(statistics.sigma[model]!.subarray(start, start + Math.max(0, count)))
  for (let i = 0; i < count; i++) {
    const scaled = screen!.ownProducts[model]![start + i]!
    const magnitude = fround(Math.abs(scaled) * inverse[i]!)
    if (magnitude < least) continue
    take(start + i, fround(magnitude * scaled), scaled)
  }
}

/** Adds to a row's sums, rounded as fusionTileGraph does. Sums of one term and zeros are exact, in whatever order. */
function addOwnRow(part: ModelSums, at: number, coefficient: number, scaled: number, bias: number): void {
  const { fround } = Math
  part.bias[at]! += fround(coefficient * fround(bias))
  part.signed[at]! += coefficient
  part.absolute[at]! += Math.abs(coefficient)
  part.aligned[at]! += fround(coefficient * scaled)
}

/** 1/σ_j; 0 for a dead row, whose correlations are 0. */
export function inverseLengths(sigma: Float64Array): Float32Array {
  return Float32Array.from(sigma, (length) => (length > 0 ? 1 / length : 0))
}
