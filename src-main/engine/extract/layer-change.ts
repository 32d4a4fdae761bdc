import { asMatrix } from '../adapter-forms/matrices'
import type { TensorView } from '../checkpoint/model/checkpoint'
import type { TensorReader } from '../checkpoint/containers/tensor-reader'
import type { Matrix } from '../linear-algebra/matrix-products'
import { RowSketch } from '../linear-algebra/row-sketch'
import { viewInputs } from '../merge/jobs/view-inputs'
import { decodeFloats } from '../tensor/convert'
import { BYTES_PER_ELEMENT, elementCount } from '../tensor/element-type'
import { KeptFloats } from '../tensor/kept-floats'
import { Kernels, type KernelBuffer } from '../tensor/kernels'
import { notFiniteError, type TensorInputs } from '../tensor/tensor-inputs'

/** Elements of a tensor that are decoded at a time: few enough to stay in the processor's cache. */
const BLOCK_ELEMENTS = 64 * 1024

/** What a specialist changed of a layer, and what one pass over it finds. */
export interface MeasuredChange {
  /** Stands until the next read. */
  matrix: Matrix
  /** |matrix|² */
  total: number
  /** Random combinations of the rows. */
  sketch: Matrix
}

/** Reads what a specialist changed of the tensors of its base, one tensor at a time. */
export class ChangeReader {
  private readonly kernels = new Kernels(0)

  /** Float32 results. */
  private readonly floats = new KeptFloats()

  constructor(private readonly reader: TensorReader) {}

  /**
   * specialist − base, row-major.
   * @param doubles whether differences are taken and kept in float64, else in float32; these stand until the next read
   * @throws FusionError 'not-finite' and whatever reading throws
   */
  read(base: TensorView, specialist: TensorView, doubles: true): Float64Array
  read(base: TensorView, specialist: TensorView, doubles: boolean): Float32Array | Float64Array
  read(base: TensorView, specialist: TensorView, doubles: boolean): Float32Array | Float64Array {
    const pair = new PairDecoder([base, specialist], this.reader, this.kernels, BLOCK_ELEMENTS)
    const count = elementCount(base.shape)
    const change = doubles ? new Float64Array(count) : this.floats.of(count)
    for (let start = 0; start < count; start += BLOCK_ELEMENTS) {
      const length = Math.min(BLOCK_ELEMENTS, count - start)
      pair.decode(start, length)
      if (change instanceof Float32Array) change.set(pair.subtract(length).floats(length), start)
      else {
        const [from, to] = [pair.base.floats(length), pair.specialist.floats(length)]
        for (let i = 0; i < length; i++) change[start + i] = to[i]! - from[i]!
      }
    }
    return change
  }

  /**
   * A layer's change in float32, measured in the pass that reads it: its elements are then in the processor's cache.
   * @param combinations of rows
   * @throws FusionError 'not-finite' and whatever reading throws
   */
  measure(base: TensorView, specialist: TensorView, combinations: number): MeasuredChange {
    const [rows, columns] = asMatrix(base.shape)
    const held = Math.max(1, Math.floor(BLOCK_ELEMENTS / columns))
    const pair = new PairDecoder([base, specialist], this.reader, this.kernels, held * columns)
    const sketch = new RowSketch(this.kernels, rows, columns, combinations)
    const data = this.floats.of(rows * columns)
    let total = 0
    for (let first = 0; first < rows; first += held) {
      const count = Math.min(held, rows - first)
      const [start, length] = [first * columns, count * columns]
      pair.decode(start, length)
      const change = pair.subtract(length)
      total += this.kernels.run.dot(change.pointer, change.pointer, length)
      sketch.add(first, count, change.pointer)
      data.set(change.floats(length), start)
    }
    return { matrix: { data, rows, columns }, total, sketch: sketch.finish() }
  }
}

/** Decodes blocks of a tensor of both models into the kernels' memory, which it takes anew. */
class PairDecoder {
  readonly base: KernelBuffer
  readonly specialist: KernelBuffer
  private readonly raw: KernelBuffer
  private readonly inputs: TensorInputs

  /** @param most elements of a block */
  constructor(
    views: readonly [base: TensorView, specialist: TensorView],
    reader: TensorReader,
    private readonly kernels: Kernels,
    most: number,
  ) {
    this.inputs = viewInputs(views, reader)
    kernels.reset()
    this.raw = kernels.allocateMore(most * BYTES_PER_ELEMENT.F64)
    this.base = kernels.allocateMore(most * BYTES_PER_ELEMENT.F32)
    this.specialist = kernels.allocateMore(most * BYTES_PER_ELEMENT.F32)
  }

  /** @throws FusionError 'not-finite' and whatever reading throws */
  decode(start: number, length: number): void {
    const { inputs, kernels, raw } = this
    for (const [model, target] of [this.base, this.specialist].entries()) {
      const type = inputs.types[model]!
      inputs.read(model, start, raw.bytes(length * BYTES_PER_ELEMENT[type]))
      if (!decodeFloats(kernels, type, raw, target, length)) throw notFiniteError(inputs, model)
    }
  }

  /** specialist − base in float32, in the specialist's place. */
  subtract(length: number): KernelBuffer {
    this.kernels.run.addScaled(this.specialist.pointer, this.base.pointer, length, -1)
    return this.specialist
  }
}
