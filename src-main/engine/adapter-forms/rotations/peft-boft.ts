import { elementCount } from '../../tensor/element-type'
import type { AdapterForm } from '../form'
import { cayley, mixed } from './cayley'
import { rotateInputs } from './input-rotations'

/**
 * BOFT as PEFT has it (peft.tuners.boft): stages of rotations of the inputs, a convolution's as [in · kernel], then one
 * factor per output: s · W Mᵀ, M = B_last … B_0. `boft_R` [stages, blocks, b, b] has Q = (R − Rᵀ) / 2 of each block.
 */
export const peftBoft: AdapterForm = {
  name: 'peft-boft',
  title: "a BOFT in PEFT's form",
  factors: ['boft_R', 'boft_s'],
  is: (shape) => shape('boft_R') !== undefined && shape('boft_s') !== undefined,
  misfit({ rows, rowLength }, shape) {
    const found = shape('boft_R') ?? []
    const [stages = 0, blocks = 0, size = 0] = found
    const isWhole = found.length === 4 && found[3] === size && stages > 0 && blocks * size === rowLength
    if (!isWhole || (stages > 1 && (size % 2 !== 0 || blocks % 2 ** (stages - 1) !== 0)))
      return `boft_R is [${found.join(', ')}], not stages of rotations of ${rowLength} inputs`
    const scales = shape('boft_s') ?? []
    return elementCount(scales) === rows
      ? undefined
      : `boft_s is [${scales.join(', ')}] where one number for each of ${rows} outputs is needed`
  },
  rank: () => null,
  rowChange({ rowLength }, factors, { multiplier }) {
    const [stages = 0, , size = 0] = factors.shape('boft_R')!
    const values = factors.whole('boft_R')
    const length = values.length / stages
    const steps = Array.from({ length: stages }, (_, stage) => ({
      rotations: rotationsOf(values.subarray(stage * length, (stage + 1) * length), size, multiplier),
      size,
      ...(stages > 1 && { order: butterflyOrder(rowLength, 2 ** stage * size, size / 2) }),
    }))
    const scales = factors.whole('boft_s').map((value) => 1 + multiplier * (value - 1))
    return {
      rowsTogether: 1,
      change(block) {
        for (const step of steps) rotateInputs(block, rowLength, step)
        const matrix = block.values.floats(block.rows * rowLength)
        for (let at = 0; at < matrix.length; at++) matrix[at]! *= scales[block.firstRow + Math.floor(at / rowLength)]!
      },
    }
  },
}

function rotationsOf(values: Float32Array, size: number, multiplier: number): Float64Array {
  const area = size * size
  const result = new Float64Array(values.length)
  for (let start = 0; start < values.length; start += area) {
    // PEFT's (1 − Q)(1 + Q)⁻¹ is Cayley's transform of −Q.
    const q = new Float64Array(area)
    for (let row = 0; row < size; row++)
      for (let column = 0; column < size; column++)
        q[row * size + column] = (values[start + column * size + row]! - values[start + row * size + column]!) / 2
    result.set(mixed(cayley(q, size), size, multiplier), start)
  }
  return result
}

/**
 * Which input stands where in a stage: within every `span` of them, pieces of `half` move so that all first of two pieces
 * come before all second ones (BOFTLayer.block_butterfly_perm); this is the inverse of that order.
 */
function butterflyOrder(inputs: number, span: number, half: number): Int32Array {
  const order = new Int32Array(inputs)
  const pieces = span / half
  for (let start = 0; start < inputs; start += span)
    for (let piece = 0; piece < pieces; piece++) {
      const from = piece < pieces / 2 ? 2 * piece : 2 * (piece - pieces / 2) + 1
      for (let at = 0; at < half; at++) order[start + from * half + at] = start + piece * half + at
    }
  return order
}
