import type { KernelBuffer, Kernels } from '../tensor/kernels'
import type { LayerRows } from '../merge/fusion/layer-rows'

/** Columns that a draft has about: one for every pixel of a common screen's width. */
const DRAFT_COLUMNS = 1280

/**
 * Every how many rows a draft of a layer's matrix takes, so that it has no more than DRAFT_COLUMNS columns and half as
 * many at least: a divisor of the rows, so that all of its entries stand for equal parts of the matrix. 1 where the
 * matrix is that small itself, or no divisor fits.
 */
export function draftStride({ rows, models }: Pick<LayerRows, 'rows' | 'models'>): number {
  const least = (models * rows) / DRAFT_COLUMNS
  for (let stride = Math.max(2, Math.ceil(least)); stride < 2 * least; stride++) if (rows % stride === 0) return stride
  return 1
}

/** Rows 0, stride, 2 · stride, … of a layer: only these are read. */
export class StridedRows implements LayerRows {
  readonly name: string
  readonly models: number
  readonly types: LayerRows['types']
  readonly rows: number
  readonly inputs: number
  readonly biases: readonly Float64Array[] | null

  constructor(
    private readonly layer: LayerRows,
    private readonly stride: number,
  ) {
    this.name = layer.name
    this.models = layer.models
    this.types = layer.types
    this.rows = Math.ceil(layer.rows / stride)
    this.inputs = layer.inputs
    this.biases = layer.biases && layer.biases.map((bias) => bias.filter((_, row) => row % stride === 0))
  }

  scratchBytes(): number {
    return this.layer.scratchBytes(1)
  }

  read(model: number, start: number, count: number, into: KernelBuffer, scratch: KernelBuffer, kernels: Kernels): void {
    for (let row = 0; row < count; row++) {
      const target = into.part(row * this.inputs * 4)
      this.layer.read(model, (start + row) * this.stride, 1, target, scratch, kernels)
    }
  }
}
