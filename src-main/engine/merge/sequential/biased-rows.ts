import { Kernels, type KernelBuffer } from '../../tensor/kernels'
import type { LayerRows } from '../fusion/layer-rows'

/** A layer's rows with its biases as one more input, which is always 1. */
export class BiasedRows implements LayerRows {
  readonly name: string
  readonly models: number
  readonly types: LayerRows['types']
  readonly rows: number
  readonly inputs: number
  readonly biases = null

  /** @param own biases [rows] of every model */
  constructor(
    private readonly layer: LayerRows,
    private readonly own: readonly Float64Array[],
  ) {
    this.name = layer.name
    this.models = layer.models
    this.types = layer.types
    this.rows = layer.rows
    this.inputs = layer.inputs + 1
  }

  scratchBytes(count: number): number {
    return Kernels.bufferSize(count * this.layer.inputs * 4) + this.layer.scratchBytes(count)
  }

  read(model: number, start: number, count: number, into: KernelBuffer, scratch: KernelBuffer, kernels: Kernels): void {
    const { layer, inputs, own } = this
    const length = layer.inputs
    layer.read(model, start, count, scratch, scratch.after(count * length * 4), kernels)
    const weights = scratch.floats(count * length)
    const rows = into.floats(count * inputs)
    for (let row = 0; row < count; row++) {
      rows.set(weights.subarray(row * length, (row + 1) * length), row * inputs)
      rows[row * inputs + length] = own[model]![start + row]!
    }
  }
}
