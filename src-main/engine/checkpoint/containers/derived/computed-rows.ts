import { FusionError } from '../../../../contract/errors'
import {
  BLOCK_ELEMENTS,
  type Factors,
  type LoadRows,
  type RowBlock,
  type RowChange,
  type WeightShape,
} from '../../../adapter-forms/form'
import { FORMS } from '../../../adapter-forms/index'
import { weightShape } from '../../../adapter-forms/matrices'
import { BYTES_PER_ELEMENT, elementCount } from '../../../tensor/element-type'
import { KeptFloats } from '../../../tensor/kept-floats'
import { Kernels } from '../../../tensor/kernels'
import { swapFirstAxes } from '../../../tensor/swap-axes'
import type { ComputedTensor, StoredTensor } from '../container'
import { decodedBuffer, decodedFloats } from '../decoded-floats'

/** What reads the weight and the factors: a TensorReader. */
interface Reader {
  read(stored: StoredTensor, start: number, into: Uint8Array): void
}

/** Memory for all tensors of a thread: nothing in it outlives a block. */
let shared: Kernels | undefined
/** The same for factors, which are read while a block is in use. */
let decoder: Kernels | undefined

/**
 * The rows of one computed tensor as float32. Computed by blocks of whole rows, of which the last is kept: whoever reads
 * takes smaller pieces, in order. The same element comes out the same, whatever range it is read in.
 */
export class ComputedRows {
  private readonly shape: WeightShape
  private readonly factors: Factors
  private readonly load: LoadRows = (firstRow, rows) => this.loadRows(firstRow, rows)
  private rowChange: RowChange | undefined
  /** Where the weight is computed by rows itself: it is changed in the memory in which it was computed. */
  private readonly inner: ComputedRows | undefined
  /** Where the weight lies transposed in its file: whole, the right way round, as it is stored. */
  private turned: Uint8Array | undefined
  private block = { firstRow: 0, values: new Float32Array(0) }
  private readonly held = new KeptFloats()

  constructor(
    private readonly tensor: ComputedTensor,
    private readonly reader: Reader,
  ) {
    this.shape = weightShape(tensor.weight.shape)
    this.factors = factorsOf(tensor, reader)
    const { stored, start, transposed } = tensor.weight
    if (stored.computed && start === 0 && !transposed) this.inner = new ComputedRows(stored.computed, reader)
  }

  /** @param start first element, row-major @param into bytes of float32 values */
  read(start: number, into: Uint8Array): void {
    const { rowLength } = this.shape
    for (let done = 0; done < into.byteLength;) {
      const element = start + done / 4
      const { firstRow, values } = this.blockWith(Math.floor(element / rowLength))
      const from = element - firstRow * rowLength
      const part = values.subarray(from, from + (into.byteLength - done) / 4)
      into.set(new Uint8Array(part.buffer, part.byteOffset, part.byteLength), done)
      done += part.byteLength
    }
  }

  private blockWith(row: number): { firstRow: number; values: Float32Array } {
    const { rows, rowLength } = this.shape
    const { firstRow, values } = this.block
    if (row >= firstRow && (row - firstRow + 1) * rowLength <= values.length) return this.block
    const { rowsTogether } = this.change
    const step = Math.max(1, Math.floor(BLOCK_ELEMENTS / (rowLength * rowsTogether))) * rowsTogether
    const first = Math.floor(row / step) * step
    const block = this.changedRows(first, Math.min(step, rows - first))
    const changed = this.held.of(block.rows * rowLength)
    changed.set(block.values.floats(changed.length))
    this.block = { firstRow: first, values: changed }
    return this.block
  }

  /** Made at the first use, while no block is. */
  private get change(): RowChange {
    const { form, settings } = this.tensor
    return (this.rowChange ??= FORMS[form].rowChange(this.shape, this.factors, settings, this.load))
  }

  private changedRows(firstRow: number, rows: number): RowBlock {
    const { change } = this
    const block = this.load(firstRow, rows)
    change.change(block)
    return block
  }

  private loadRows(firstRow: number, rows: number): RowBlock {
    if (this.inner?.change.rowsTogether === 1) return this.inner.changedRows(firstRow, rows)
    const { stored, start } = this.tensor.weight
    const { rowLength } = this.shape
    const first = firstRow * rowLength
    const count = rows * rowLength
    // Read first where the weight is computed itself, in the same memory.
    const own = this.isStored ? null : this.readWeight(first, count)
    const kernels = (shared ??= new Kernels(0))
    const values = decodedBuffer(kernels, stored, count, (raw) =>
      own ? raw.set(own) : this.reader.read(stored, start + first, raw),
    )
    return { kernels, values, firstRow, rows }
  }

  /** Whether the weight lies in its file as it is read. */
  private get isStored(): boolean {
    const { stored, transposed } = this.tensor.weight
    return !stored.computed && !transposed
  }

  private readWeight(start: number, count: number): Uint8Array {
    const { stored, start: offset, transposed, shape } = this.tensor.weight
    const size = BYTES_PER_ELEMENT[stored.elementType]
    if (!transposed) {
      const bytes = new Uint8Array(count * size)
      this.reader.read(stored, offset + start, bytes)
      return bytes
    }
    if (!this.turned) {
      const bytes = new Uint8Array(elementCount(shape) * size)
      this.reader.read(stored, offset, bytes)
      this.turned = swapFirstAxes(bytes, [shape[1]!, shape[0]!, ...shape.slice(2)], size)
    }
    return this.turned.subarray(start * size, (start + count) * size)
  }
}

/** The factors of a computed tensor, decoded when they are asked for. @throws FusionError 'not-finite' and whatever reading throws */
export function factorsOf({ factors }: Pick<ComputedTensor, 'factors'>, reader: Reader): Factors {
  const factorNamed = (name: string): StoredTensor => {
    const factor = factors[name]
    if (!factor) throw new FusionError('internal', `A factor named ${name} was not given.`)
    return factor
  }
  const part = (name: string, start: number, count: number): Float32Array =>
    readFloats(factorNamed(name), start, count, reader)
  return {
    shape: (name) => factors[name]?.shape,
    whole: (name) => part(name, 0, elementCount(factorNamed(name).shape)),
    part,
  }
}

/** Elements of a stored tensor as float32, in memory of their own. */
function readFloats(stored: StoredTensor, start: number, count: number, reader: Reader): Float32Array {
  const kernels = (decoder ??= new Kernels(0))
  return decodedFloats(kernels, stored, count, (raw) => reader.read(stored, start, raw)).slice()
}
