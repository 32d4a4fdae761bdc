import { asMatrix } from '../adapter-forms/matrices'
import type { TensorView } from '../checkpoint/model/checkpoint'
import type { TensorReader } from '../checkpoint/containers/tensor-reader'
import type { Matrix } from '../linear-algebra/matrix-products'
import { RowSketch, rowsInBlock, type Sketch } from '../linear-algebra/row-sketch'
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
  /** Stands as long as the matrix. */
  sketch: Sketch
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
    this.kernels.reset()
    const pair = new PairDecoder([base, specialist], this.reader, this.kernels, BLOCK_ELEMENTS)
    const block = this.kernels.allocateMore(BLOCK_ELEMENTS * 4)
    const count = elementCount(base.shape)
    const change = doubles ? new Float64Array(count) : this.floats.of(count)
    for (let start = 0; start < count; start += BLOCK_ELEMENTS) {
      const length = Math.min(BLOCK_ELEMENTS, count - start)
      if (change instanceof Float32Array) {
        pair.subtract(start, length, block)
        change.set(block.floats(length), start)
      } else {
        pair.decode(start, length)
        const [from, to] = [pair.base.floats(length), pair.specialist.floats(length)]
        for (let i = 0; i < length; i++) change[start + i] = to[i]! - from[i]!
      }
    }
    return change
  }

  /**
   * A layer's change in float32, measured in the pass that reads it: its elements are then in the processor's cache. It
   * stays where the kernels left it, and products read it there.
   * @param directions that the sketch is for
   * @throws FusionError 'not-finite' and whatever reading throws
   */
  measure(base: TensorView, specialist: TensorView, directions: number): MeasuredChange {
    const { kernels } = this
    const [rows, columns] = asMatrix(base.shape)
    const held = rowsInBlock(columns, BLOCK_ELEMENTS)
    kernels.reset()
    const pair = new PairDecoder([base, specialist], this.reader, kernels, held * columns)
    const sketch = new RowSketch(kernels, columns, directions)
    const change = kernels.allocateMore(rows * columns * 4)
    let total = 0
    for (let first = 0; first < rows; first += held) {
      const count = Math.min(held, rows - first)
      const block = change.part(first * columns * 4)
      pair.subtract(first * columns, count * columns, block)
      total += kernels.run.sumOfSquares(block.pointer, count * columns)
      sketch.add(block, count)
    }
    return { matrix: { data: change.floats(rows * columns), rows, columns }, total, sketch: sketch.finish() }
  }
}

/** Blocks of a tensor of both models, decoded into the kernels' memory. */
class PairDecoder {
  readonly base: KernelBuffer
  readonly specialist: KernelBuffer
  private readonly stored: readonly [base: KernelBuffer, specialist: KernelBuffer]
  private readonly inputs: TensorInputs

  /** @param most elements of a block */
  constructor(
    views: readonly [base: TensorView, specialist: TensorView],
    reader: TensorReader,
    private readonly kernels: Kernels,
    most: number,
  ) {
    this.inputs = viewInputs(views, reader)
    this.base = kernels.allocateMore(most * BYTES_PER_ELEMENT.F32)
    this.specialist = kernels.allocateMore(most * BYTES_PER_ELEMENT.F32)
    const [base, specialist] = this.inputs.types.map((type) => kernels.allocateMore(most * BYTES_PER_ELEMENT[type]))
    this.stored = [base!, specialist!]
  }

  /** Fills `base` and `specialist`. @throws FusionError 'not-finite' and whatever reading throws */
  decode(start: number, length: number): void {
    this.read(start, length)
    this.decodeStored(length)
  }

  /** specialist − base in float32. @throws FusionError 'not-finite' and whatever reading throws */
  subtract(start: number, length: number, target: KernelBuffer): void {
    const { kernels, base, specialist, stored } = this
    this.read(start, length)
    const halves = this.inputs.types.every((type) => type === 'F16')
    const [from, to] = stored
    if (halves && kernels.run.subtractHalves(from.pointer, to.pointer, target.pointer, length) === 0) return
    this.decodeStored(length)
    kernels.run.addScaled(specialist.pointer, base.pointer, length, -1)
    target.floats(length).set(specialist.floats(length))
  }

  private read(start: number, length: number): void {
    for (const [model, stored] of this.stored.entries())
      this.inputs.read(model, start, stored.bytes(length * BYTES_PER_ELEMENT[this.inputs.types[model]!]))
  }

  private decodeStored(length: number): void {
    const { inputs, kernels, stored, base, specialist } = this
    for (const [model, target] of [base, specialist].entries())
      if (!decodeFloats(kernels, inputs.types[model]!, stored[model]!, target, length))
        throw notFiniteError(inputs, model)
  }
}
