import { BLOCK_ELEMENTS, type AddDelta, type LoadRows, type RowChange, type WeightShape } from './form'
import type { FormSettings } from './settings'

/** Magnitudes of DoRA: per output row, or per input over all rows and kernel positions. */
interface Magnitudes {
  values: Float32Array
  onOutput: boolean
}

/**
 * DoRA (arXiv 2402.09353): V = W + D with each row (or input) brought to a learnt length. The norm is of V. What a
 * multiplier means is settings.rule's to say.
 */
export function doraChange(
  addDelta: AddDelta,
  weight: WeightShape,
  { values, onOutput }: Magnitudes,
  { scale, multiplier, rule }: FormSettings,
  load: LoadRows,
): RowChange {
  const { rowLength, kernel } = weight
  const factor = rule === 'peft' ? scale * multiplier : scale
  const inputRatios = onOutput ? null : ratios(values, inputNorms(addDelta, weight, factor, load))
  return {
    rowsTogether: 1,
    change(block) {
      const before = block.values.floats(block.rows * rowLength).slice()
      addDelta(block, factor)
      const after = block.values.floats(block.rows * rowLength)
      for (let row = 0; row < block.rows; row++) {
        const start = row * rowLength
        const own = inputRatios ? 0 : ratio(values[block.firstRow + row]!, norm(after, start, rowLength))
        for (let i = 0; i < rowLength; i++) {
          const r = inputRatios ? inputRatios[Math.floor(i / kernel)]! : own
          const v = after[start + i]!
          const w = before[start + i]!
          if (rule === 'peft') after[start + i] = v * r
          else after[start + i] = rule === 'lycoris' ? v * (1 + multiplier * (r - 1)) : w + multiplier * (v * r - w)
        }
      }
    },
  }
}

/** Norm of each input of V over all rows and kernel positions. */
function inputNorms(addDelta: AddDelta, weight: WeightShape, factor: number, load: LoadRows): Float64Array {
  const { rows, rowLength, inputs, kernel } = weight
  const squares = new Float64Array(inputs)
  const step = Math.max(1, Math.floor(BLOCK_ELEMENTS / rowLength))
  for (let first = 0; first < rows; first += step) {
    const block = load(first, Math.min(step, rows - first))
    addDelta(block, factor)
    const after = block.values.floats(block.rows * rowLength)
    for (let at = 0; at < after.length; at++) squares[Math.floor((at % rowLength) / kernel)]! += after[at]! ** 2
  }
  return squares.map(Math.sqrt)
}

function norm(values: Float32Array, start: number, count: number): number {
  let sum = 0
  for (let i = start; i < start + count; i++) sum += values[i]! * values[i]!
  return Math.sqrt(sum)
}

function ratios(magnitudes: Float32Array, norms: Float64Array): Float64Array {
  return norms.map((length, index) => ratio(magnitudes[index]!, length))
}

/** Where V is 0 no length can be given to it. */
function ratio(magnitude: number, length: number): number {
  return length === 0 ? 1 : magnitude / length
}
