import type { YieldOrCancel } from '../../cancel'
import { FusionError } from '../../../contract/errors'
import type { Tensor } from '../../runtime/session'
import { Kernels, type KernelBuffer } from '../../tensor/kernels'
import { ColumnSystem, type InputColumns, type RidgeOptions } from './column-system'
import type { MergedRows } from '../fusion/fusion-layer'
import type { LayerRows } from '../fusion/layer-rows'
import type { InputMetric } from './input-metric'
import type { RegressionSessions } from './regression-sessions'

/** Elements of the rows that are merged at a time: 16 MB per float32 buffer. */
const BLOCK_ELEMENTS = 4 * 1024 * 1024
const BLOCK_ROWS = 640

/** What a regression did to one layer. */
export interface RegressionReport {
  layer: string
  rows: number
  inputs: number
  /** ΣS, columns of all models that take part. */
  columns: number
  /** Σ α_m ‖(W − K_m) X_m‖² as a part of what W leaves where it is pulled to; 1 where there was nothing to fit. */
  remaining: number
}

export interface RegressionResult {
  report: RegressionReport
  /** Weighted mean [rows]; null where the layer has none. */
  bias: Float64Array | null
  lambda: number
}

/** Merges one layer by feature regression or RegMean (method.md): W = K̄ + R (XᵀX + λI)⁻¹ Xᵀ. */
export class RegressionLayer {
  private readonly system: ColumnSystem
  private readonly block: number
  private readonly buffers

  /**
   * @param columns X_m
   * @param kernels its buffers are taken back first: one layer at a time
   * @param own other inputs of as many columns: a model's features there are asked for instead of K_m X_m. Only for whole
   * off-diagonals.
   */
  constructor(
    private readonly layer: LayerRows,
    columns: InputColumns,
    private readonly options: RidgeOptions,
    private readonly sessions: RegressionSessions,
    private readonly kernels: Kernels,
    private readonly own: InputColumns | null = null,
  ) {
    kernels.reset()
    this.system = new ColumnSystem(layer.inputs, columns, options, sessions, kernels)
    this.block = blockRows(layer)
    const [scratch, sums, mean, weights, merged, ownColumns] = [
      ...rowBufferBytes(layer, columns, options.weights),
      ownBytes(layer, own),
    ].map((bytes) => kernels.allocate(bytes))
    this.buffers = {
      ...{ scratch: scratch!, sums: sums!, mean: mean!, weights: weights!, merged: merged!, own: ownColumns! },
    }
  }

  /** Memory that a Kernels object needs for this layer. */
  static memory(
    layer: LayerRows,
    columns: InputColumns,
    weights: readonly number[],
    own: InputColumns | null = null,
  ): number {
    const sizes = [
      ownBytes(layer, own),
      ...ColumnSystem.bufferBytes(layer.inputs, columns, weights),
      ...rowBufferBytes(layer, columns, weights),
    ]
    return sizes.reduce((total, bytes) => total + Kernels.bufferSize(bytes), 0)
  }

  /**
   * Merges the layer and hands its rows to `write` as they are done.
   * @param yieldOrCancel called between products: throws to stop
   * @throws FusionError 'validation' where the ridge is too small for the columns
   */
  async merge(write: (rows: MergedRows) => void, yieldOrCancel: YieldOrCancel): Promise<RegressionResult> {
    const { layer, system, block, buffers } = this
    const solvable = await this.factor(yieldOrCancel)
    let before = 0
    let after = 0
    for (let start = 0; start < layer.rows; start += block) {
      const count = Math.min(block, layer.rows - start)
      await yieldOrCancel()
      if (system.metric) this.loadPrior(system.metric, start, count)
      else this.loadMean(start, count)
      if (!solvable) {
        write({ start, count, weights: buffers.mean })
        continue
      }
      const solved = await system.solve(await this.featureErrors(start, count, yieldOrCancel), yieldOrCancel)
      before += solved.before
      after += solved.after
      if (solved.right) {
        const [mean, merged] = [buffers.mean, buffers.merged].map((buffer) => rows(buffer, count, layer.inputs))
        await this.sessions.addedProduct(mean!, solved.left, solved.right, merged!)
      } else {
        const merged = buffers.merged.floats(count * layer.inputs)
        merged.set(solved.left.data as Float32Array)
        this.kernels.run.addScaled(buffers.merged.pointer, buffers.mean.pointer, merged.length, 1)
      }
      system.metric?.divide(buffers.merged.floats(count * layer.inputs))
      write({ start, count, weights: buffers.merged })
    }
    const { name, rows: outputs, inputs } = layer
    const remaining = before > 0 ? after / before : 1
    const report = { layer: name, rows: outputs, inputs, columns: system.total, remaining }
    return { report, bias: this.meanBias(), lambda: system.lambda }
  }

  private async factor(yieldOrCancel: YieldOrCancel): Promise<boolean> {
    const { ridge } = this.options
    try {
      return await this.system.factor(this.buffers.scratch, yieldOrCancel)
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause
      throw new FusionError('validation', `The ridge ${ridge} is too small for ${this.layer.name}.`, {
        hint: 'The inputs of this layer depend on each other. Use a larger ridge.',
        cause,
      })
    }
  }

  /** K̄ of some rows into `mean`. */
  private loadMean(start: number, count: number): void {
    const { layer, options, kernels, buffers } = this
    const length = count * layer.inputs
    buffers.sums.doubles(length).fill(0)
    options.weights.forEach((weight, model) => {
      if (weight === 0) return
      layer.read(model, start, count, buffers.weights, buffers.scratch, kernels)
      kernels.run.accumulate(buffers.sums.pointer, buffers.weights.pointer, length, weight)
    })
    kernels.run.divide(buffers.sums.pointer, buffers.mean.pointer, length, totalOf(options.weights))
  }

  /** P of some rows (input-metric.ts) into `mean`, in the metric. */
  private loadPrior(metric: InputMetric, start: number, count: number): void {
    const { layer, options, kernels, buffers } = this
    const length = count * layer.inputs
    const sums = buffers.sums.doubles(length).fill(0)
    options.weights.forEach((weight, model) => {
      if (weight === 0) return
      layer.read(model, start, count, buffers.weights, buffers.scratch, kernels)
      metric.addToPrior(sums, buffers.weights.floats(length), model)
    })
    kernels.run.divide(buffers.sums.pointer, buffers.mean.pointer, length, 1)
    metric.multiply(buffers.mean.floats(length))
  }

  /** R = [√w_m (K_m − K̄) X_m] of some rows, [count, ΣS]. */
  private async featureErrors(start: number, count: number, yieldOrCancel: YieldOrCancel): Promise<Float32Array> {
    const { layer, system, kernels, buffers } = this
    const result = new Float32Array(count * system.total)
    let first = 0
    for (const [model, columns] of system.counts.entries()) {
      if (columns === 0) continue
      await yieldOrCancel()
      layer.read(model, start, count, buffers.weights, buffers.scratch, kernels)
      system.metric?.multiply(buffers.weights.floats(count * layer.inputs))
      const errors = this.own ? await this.errorsFrom(this.own, model, count) : await this.errorsHere(model, count)
      for (let row = 0; row < count; row++)
        result.set(errors.subarray(row * columns, (row + 1) * columns), row * system.total + first)
      first += columns
    }
    return result
  }

  /** √w_m (K_m − P) X_m of the rows that were read. */
  private errorsHere(model: number, count: number): Promise<Float32Array> {
    const { layer, system, kernels, buffers } = this
    kernels.run.addScaled(buffers.weights.pointer, buffers.mean.pointer, count * layer.inputs, -1)
    return this.sessions.rowProduct(rows(buffers.weights, count, layer.inputs), system.ofModel(model))
  }

  /** √w_m (K_m X'_m − P X_m), with X' the model's own inputs. */
  private async errorsFrom(own: InputColumns, model: number, count: number): Promise<Float32Array> {
    const { layer, system, kernels, buffers, sessions } = this
    const columns = own.counts[model]!
    own.read(model, buffers.own, buffers.scratch, kernels)
    kernels.run.scale(buffers.own.pointer, columns * layer.inputs, system.columnScale(model))
    const wanted = await sessions.rowProduct(
      rows(buffers.weights, count, layer.inputs),
      rows(buffers.own, columns, layer.inputs),
    )
    const given = await sessions.rowProduct(rows(buffers.mean, count, layer.inputs), system.ofModel(model))
    return wanted.map((value, i) => value - given[i]!)
  }

  private meanBias(): Float64Array | null {
    const { biases, rows: count } = this.layer
    if (!biases) return null
    const { weights } = this.options
    return Float64Array.from({ length: count }, (_, row) => {
      const sum = weights.reduce((all, weight, model) => all + (weight === 0 ? 0 : weight * biases[model]![row]!), 0)
      return sum / totalOf(weights)
    })
  }
}

function blockRows({ rows: all, inputs }: LayerRows): number {
  return Math.max(1, Math.min(all, BLOCK_ROWS, Math.floor(BLOCK_ELEMENTS / inputs)))
}

/** Room for one model's own inputs. */
function ownBytes(layer: LayerRows, own: InputColumns | null): number {
  return own ? Math.max(...own.counts) * layer.inputs * 4 : 0
}

/** scratch, sums, mean, weights, merged */
function rowBufferBytes(layer: LayerRows, columns: InputColumns, weights: readonly number[]): number[] {
  const count = blockRows(layer)
  const length = count * layer.inputs
  const scratch = Math.max(layer.scratchBytes(count), ColumnSystem.scratchBytes(columns, weights))
  return [scratch, length * 8, length * 4, length * 4, length * 4]
}

function rows(buffer: KernelBuffer, count: number, columns: number): Tensor {
  return { data: buffer.floats(count * columns), dims: [count, columns] }
}

function totalOf(weights: readonly number[]): number {
  return weights.reduce((sum, weight) => sum + weight, 0)
}
