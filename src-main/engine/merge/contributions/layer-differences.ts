import type { YieldOrCancel } from '../../cancel'
import type { Normaliser } from '../../../contract/document/project'
import { BYTES_PER_ELEMENT } from '../../tensor/element-type'
import { encodeFloats } from '../../tensor/convert'
import { Kernels } from '../../tensor/kernels'
import type { RowValues } from './contribution-file'
import { setRowValues } from './contribution-file'
import type { ContributedRows, FusionLayer } from '../fusion/fusion-layer'
import { rowSums } from '../fusion/layer-report'
import type { SumSettings } from '../fusion/layer-sums'
import type { LayerRows } from '../fusion/layer-rows'
import { normaliserOf } from '../fusion/normalisers'

/** Base weights that are held to be taken off a contribution. */
const BLOCK_ELEMENTS = 1024 * 1024
/** The largest value of a row lies between half of this and this: below float16's limit, and far above its subnormals. */
const LARGEST = 2 ** 15

/** Memory that `writeDifferences` takes of a Kernels object, beside that of its layer (FusionLayer.memory). */
export function differencesMemory(rows: LayerRows): number {
  const count = blockRows(rows)
  return Kernels.bufferSize(count * rows.inputs * 4) + Kernels.bufferSize(rows.scratchBytes(count))
}

function blockRows({ rows, inputs }: LayerRows): number {
  return Math.min(rows, Math.max(1, Math.floor(BLOCK_ELEMENTS / inputs)))
}

/** A model whose contribution is wanted, and where it goes. */
export interface DifferencesOf {
  /** Its place among the models of the layer. */
  model: number
  /** Gets what belongs to the rows. */
  values: RowValues
  /** Gets the bytes from byte `at` of the group's differences on. */
  write: (at: number, bytes: Uint8Array) => void
}

/**
 * Computes models' contributions to a layer (or to one of its groups) as D_m = A_m − z_m K_0, float16 in each row's unit
 * (ADR 0008).
 * @param kernels those that `fusion` was made with, with room for differencesMemory
 * @param first row of the group in `values`
 * @param prepared what `fusion` found before, if it did
 */
export async function writeDifferences(
  { rows, fusion, kernels }: { rows: LayerRows; fusion: FusionLayer; kernels: Kernels },
  models: readonly DifferencesOf[],
  { normaliser, first, prepared }: { normaliser: Normaliser; first: number; prepared?: SumSettings },
  yieldOrCancel: YieldOrCancel,
): Promise<void> {
  const { inputs } = rows
  const held = blockRows(rows)
  const base = kernels.allocateMore(held * inputs * 4)
  const scratch = kernels.allocateMore(rows.scratchBytes(held))
  const wanted = new Map(models.map((one) => [one.model, one]))
  const squares = new Float64Array(held)
  let read = { start: 0, count: 0 }
  const readBase = (start: number, count: number): void => {
    if (read.start === start && read.count === count) return
    rows.read(0, start, count, base, scratch, kernels)
    for (let i = 0; i < count; i++) {
      const row = base.pointer + i * inputs * 4
      squares[i] = kernels.run.dot(row, row, inputs)
    }
    read = { start, count }
  }
  const takeBlock = (model: number, { start, count, sums, contribution: { sigma, parts } }: ContributedRows): void => {
    const { values, write } = wanted.get(model)!
    for (let block = 0; block < count; block += held) {
      const length = Math.min(held, count - block)
      readBase(start + block, length)
      for (let i = 0; i < length; i++) {
        const row = start + block + i
        const ownBase = base.pointer + i * inputs * 4
        const sum = sums.pointer + (block + i) * inputs * 8
        // Float32 in units of the row takes the place of the sums: no value is longer than what it was made from.
        const result = sums.pointer + (block + i) * inputs * 4
        const sigmaOfRow = sigma.base[row]!
        const z = sigmaOfRow > 0 ? normaliserOf(normaliser, rowSums(parts, row), sigmaOfRow) : 0
        kernels.run.accumulate(sum, ownBase, inputs, -z * sigmaOfRow)
        const unit = unitOf(kernels.run.largest(sum, inputs) / sigmaOfRow)
        kernels.run.divide(sum, result, inputs, unit > 0 ? sigmaOfRow * unit : Infinity)
        values.unit[first + row] = unit
        values.baseSquaredNorm[first + row] = squares[i]!
      }
    }
    const length = count * inputs
    encodeFloats(kernels, 'F16', sums, sums, length) // a value's code never lies behind it
    write(start * inputs * BYTES_PER_ELEMENT.F16, sums.bytes(length * BYTES_PER_ELEMENT.F16))
  }
  const places = [...wanted.keys()]
  const contributions = await fusion.contributions(places, takeBlock, yieldOrCancel, prepared)
  contributions.forEach((contribution, index) => setRowValues(models[index]!.values, first, contribution))
}

/** The power of two in which `largest` is at most LARGEST; 0 for 0 and for what is no number. */
function unitOf(largest: number): number {
  return largest > 0 && Number.isFinite(largest) ? 2 ** (Math.ceil(Math.log2(largest)) - Math.log2(LARGEST)) : 0
}
