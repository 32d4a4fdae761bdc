import { FusionError } from '../../contract/errors'
import type { Tensor } from '../runtime/session'
import { KernelBuffer, Kernels } from '../tensor/kernels'
import type { MergedRows } from './fusion-layer'
import type { LayerRows } from './layer-rows'
import { PositiveSolver, SOLVER_BLOCK } from './positive-solver'
import type { RegressionSessions } from './regression-sessions'

/** Elements of the rows that are merged at a time: 16 MB per float32 buffer. */
const BLOCK_ELEMENTS = 4 * 1024 * 1024
const BLOCK_ROWS = 640

/** Real inputs of a layer per model (method.md, 'Feature regression'): X_m. */
export interface InputColumns {
  /** S_m per model; 0 where none were gathered. */
  counts: readonly number[]
  /** Bytes of scratch that reading a model's columns takes. */
  scratchBytes(model: number): number
  /** Writes a model's columns as rows [S_m, d] into `into`, float32. */
  read(model: number, into: KernelBuffer, scratch: KernelBuffer, kernels: Kernels): void
}

export interface RegressionOptions {
  /** Weight α_m ≥ 0 per model, base first; not all 0. */
  weights: readonly number[]
  /** λ as a multiple of mean(diag XᵀX). */
  ridge: number
}

/** What a regression did to one layer. */
export interface RegressionReport {
  layer: string
  rows: number
  inputs: number
  /** ΣS, columns of all models that take part. */
  columns: number
  /** Σ α_m ‖(W − K_m) X_m‖² as a part of what the weighted mean K̄ leaves; 1 where there was nothing to fit. */
  remaining: number
}

export interface RegressionResult {
  report: RegressionReport
  /** Weighted mean [rows]; null where the layer has none. */
  bias: Float64Array | null
  lambda: number
}

/** Merges one layer by feature regression (method.md): W = K̄ + R (XᵀX + λI)⁻¹ Xᵀ. */
export class RegressionLayer {
  /** Columns taken per model. */
  private readonly counts: readonly number[]
  private readonly total: number
  private readonly block: number
  private readonly buffers

  /** @param kernels its buffers are taken back first: one layer at a time */
  constructor(
    private readonly layer: LayerRows,
    private readonly columns: InputColumns,
    private readonly options: RegressionOptions,
    private readonly sessions: RegressionSessions,
    private readonly kernels: Kernels,
  ) {
    this.counts = takenColumns(columns, options.weights)
    this.total = sum(this.counts)
    this.block = blockRows(layer, this.total)
    kernels.reset()
    const [x, scratch, sums, mean, weights, merged] = bufferBytes(layer, columns, options.weights).map((bytes) =>
      kernels.allocate(bytes),
    )
    this.buffers = { x: x!, scratch: scratch!, sums: sums!, mean: mean!, weights: weights!, merged: merged! }
  }

  /** Memory that a Kernels object needs for this layer. */
  static memory(layer: LayerRows, columns: InputColumns, weights: readonly number[]): number {
    return sum(bufferBytes(layer, columns, weights).map((bytes) => Kernels.bufferSize(bytes)))
  }

  /**
   * Merges the layer and hands its rows to `write` as they are done.
   * @param checkpoint called between products: throws to stop
   * @throws FusionError 'validation' where the ridge is too small for the columns
   */
  async merge(write: (rows: MergedRows) => void, checkpoint: () => Promise<void>): Promise<RegressionResult> {
    const { layer, options, total, block, buffers } = this
    this.loadColumns()
    const diagonal = this.diagonal()
    const lambda = (options.ridge * sum(diagonal)) / Math.max(1, total)
    const solver = lambda > 0 ? await this.factor(diagonal, lambda, checkpoint) : null
    let before = 0
    let after = 0
    for (let start = 0; start < layer.rows; start += block) {
      const count = Math.min(block, layer.rows - start)
      this.loadMean(start, count)
      if (!solver) {
        write({ start, count, weights: buffers.mean })
        continue
      }
      const right = await this.featureErrors(start, count, checkpoint)
      before += sum(right.map(squares))
      const solved = await solver.solve(right, checkpoint)
      after += lambda ** 2 * sum(solved.map(squares)) // R − (W − K̄) X = λ Y
      await this.sessions.addedProduct(
        rows(buffers.mean, count, layer.inputs),
        { data: joined(solved, count, total), dims: [count, total] },
        rows(buffers.x, total, layer.inputs),
        rows(buffers.merged, count, layer.inputs),
      )
      write({ start, count, weights: buffers.merged })
    }
    const { name, rows: outputs, inputs } = layer
    const remaining = before > 0 ? after / before : 1
    const report = { layer: name, rows: outputs, inputs, columns: total, remaining }
    return { report, bias: this.meanBias(), lambda }
  }

  /** X = [√α_m X_m] as rows. */
  private loadColumns(): void {
    const { columns, counts, options, layer, kernels, buffers } = this
    let first = 0
    counts.forEach((count, model) => {
      if (count === 0) return
      const own = part(buffers.x, first, count, layer.inputs, kernels)
      columns.read(model, own, buffers.scratch, kernels)
      kernels.run.scale(own.pointer, count * layer.inputs, Math.sqrt(options.weights[model]!))
      first += count
    })
  }

  /** ‖x‖² per column. */
  private diagonal(): Float64Array {
    const { layer, total, buffers, kernels } = this
    return Float64Array.from({ length: total }, (_, column) => {
      const at = buffers.x.pointer + column * layer.inputs * 4
      return kernels.run.dot(at, at, layer.inputs)
    })
  }

  private async factor(
    diagonal: Float64Array,
    lambda: number,
    checkpoint: () => Promise<void>,
  ): Promise<PositiveSolver> {
    const { total, layer, sessions, kernels, buffers } = this
    const panel = async (first: number, width: number): Promise<Float64Array> => {
      const below = part(buffers.x, first, total - first, layer.inputs, kernels)
      const product = Float64Array.from(
        await sessions.rowProduct(rows(below, total - first, layer.inputs), rows(below, width, layer.inputs)),
      )
      for (let i = 0; i < width; i++) product[i * width + i] = diagonal[first + i]! + lambda
      return product
    }
    try {
      return await PositiveSolver.factor(total, sessions, panel, checkpoint)
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause
      throw new FusionError('validation', `The ridge ${this.options.ridge} is too small for ${layer.name}.`, {
        hint: 'Its inputs depend on each other. Use a larger ridge; 1 is the default.',
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
    kernels.run.divide(buffers.sums.pointer, buffers.mean.pointer, length, sum(options.weights))
  }

  /** R = [√α_m (K_m − K̄) X_m] of some rows, in the solver's blocks. */
  private async featureErrors(start: number, count: number, checkpoint: () => Promise<void>): Promise<Float64Array[]> {
    const { layer, counts, total, kernels, buffers } = this
    const blocks = Array.from({ length: Math.ceil(total / SOLVER_BLOCK) }, (_, index) => {
      return new Float64Array(count * Math.min(SOLVER_BLOCK, total - index * SOLVER_BLOCK))
    })
    let first = 0
    for (const [model, columns] of counts.entries()) {
      if (columns === 0) continue
      await checkpoint()
      layer.read(model, start, count, buffers.weights, buffers.scratch, kernels)
      kernels.run.addScaled(buffers.weights.pointer, buffers.mean.pointer, count * layer.inputs, -1)
      const own = part(buffers.x, first, columns, layer.inputs, kernels)
      const errors = await this.sessions.rowProduct(
        rows(buffers.weights, count, layer.inputs),
        rows(own, columns, layer.inputs),
      )
      for (let column = 0; column < columns; column++) {
        const place = first + column
        const block = blocks[Math.floor(place / SOLVER_BLOCK)]!
        const width = block.length / count
        for (let row = 0; row < count; row++)
          block[row * width + (place % SOLVER_BLOCK)] = errors[row * columns + column]!
      }
      first += columns
    }
    return blocks
  }

  private meanBias(): Float64Array | null {
    const { biases, rows: count } = this.layer
    if (!biases) return null
    const { weights } = this.options
    const total = sum(weights)
    return Float64Array.from({ length: count }, (_, row) => {
      return (
        weights.reduce((mean, weight, model) => mean + (weight === 0 ? 0 : weight * biases[model]![row]!), 0) / total
      )
    })
  }
}

/** A model without weight is left out with its columns. */
function takenColumns({ counts }: InputColumns, weights: readonly number[]): number[] {
  return counts.map((count, model) => (weights[model]! > 0 ? count : 0))
}

function blockRows({ rows: all, inputs }: LayerRows, total: number): number {
  return Math.max(1, Math.min(all, BLOCK_ROWS, Math.floor(BLOCK_ELEMENTS / Math.max(inputs, total))))
}

/** x, scratch, sums, mean, weights, merged */
function bufferBytes(layer: LayerRows, columns: InputColumns, weights: readonly number[]): number[] {
  const counts = takenColumns(columns, weights)
  const total = sum(counts)
  const count = blockRows(layer, total)
  const length = count * layer.inputs
  const scratch = counts.map((own, model) => (own > 0 ? columns.scratchBytes(model) : 0))
  return [
    total * layer.inputs * 4,
    Math.max(layer.scratchBytes(count), ...scratch),
    length * 8,
    length * 4,
    length * 4,
    length * 4,
  ]
}

/** Rows [first, first + count) of a buffer of rows of `columns` floats. */
function part(buffer: KernelBuffer, first: number, count: number, columns: number, kernels: Kernels): KernelBuffer {
  return new KernelBuffer(kernels.run.memory, buffer.pointer + first * columns * 4, count * columns * 4)
}

function rows(buffer: KernelBuffer, count: number, columns: number): Tensor {
  return { data: buffer.floats(count * columns), dims: [count, columns] }
}

/** Blocks of columns side by side, as float32. */
function joined(blocks: readonly Float64Array[], count: number, total: number): Float32Array {
  const result = new Float32Array(count * total)
  blocks.forEach((block, index) => {
    const width = block.length / count
    for (let row = 0; row < count; row++)
      result.set(block.subarray(row * width, (row + 1) * width), row * total + index * SOLVER_BLOCK)
  })
  return result
}

function squares(values: Float64Array): number {
  let total = 0
  for (const value of values) total += value * value
  return total
}

function sum(values: readonly number[] | Float64Array): number {
  let total = 0
  for (const value of values) total += value
  return total
}
