import type { AdapterForm } from '../form'
import type { FormSettings } from '../settings'
import { cayley, mixed } from './cayley'
import { rotateInputs } from './input-rotations'

/**
 * OFT as PEFT has it (peft.tuners.oft): the inputs of a weight, a convolution's as [in · kernel], are rotated in blocks
 * of b: W Rᵀ. `oft_R` [blocks, b (b − 1) / 2] holds what stands above the diagonal of the skew-symmetric Q; one block
 * alone stands for all.
 */
export const peftOft: AdapterForm = {
  name: 'peft-oft',
  title: "an OFT in PEFT's form",
  factors: ['oft_R'],
  is: (shape) => shape('oft_R') !== undefined,
  misfit({ rowLength }, shape) {
    const found = shape('oft_R') ?? []
    const [blocks = 0, elements = 0] = found
    const size = blockSize(elements)
    if (found.length === 2 && size > 1 && rowLength % size === 0 && (blocks === 1 || blocks * size === rowLength))
      return undefined
    return `oft_R is [${found.join(', ')}], not blocks of rotations of ${rowLength} inputs`
  },
  rank: () => null,
  rowChange({ rowLength }, factors, settings) {
    const [blocks = 0, elements = 0] = factors.shape('oft_R')!
    const size = blockSize(elements)
    const rotations = rotationsOf(factors.whole('oft_R'), blocks, size, settings)
    return { rowsTogether: 1, change: (block) => rotateInputs(block, rowLength, { rotations, size }) }
  },
}

/** b of b (b − 1) / 2 elements; 0 for a number that is none of these. */
function blockSize(elements: number): number {
  const size = (1 + Math.sqrt(1 + 8 * elements)) / 2
  return Number.isInteger(size) ? size : 0
}

function rotationsOf(
  values: Float32Array,
  blocks: number,
  size: number,
  { constraint, multiplier, seriesTerms }: FormSettings,
): Float64Array {
  const elements = values.length / blocks
  const result = new Float64Array(blocks * size * size)
  for (let block = 0; block < blocks; block++) {
    const q = skewSymmetric(values.subarray(block * elements, (block + 1) * elements), size)
    if (constraint !== null) limitNorm(q, constraint / Math.sqrt(blocks))
    // The series follows PEFT, whose inverse has the other sign: (1 − Q)(1 + Q)⁻¹.
    const rotation =
      seriesTerms === null
        ? cayley(
            q.map((value) => -value),
            size,
          )
        : cayleySeries(q, size, seriesTerms)
    result.set(mixed(rotation, size, multiplier), block * size * size)
  }
  return result
}

/** @param above what stands above the diagonal, row by row */
function skewSymmetric(above: Float32Array, size: number): Float64Array {
  const q = new Float64Array(size * size)
  let at = 0
  for (let row = 0; row < size; row++)
    for (let column = row + 1; column < size; column++) {
      q[row * size + column] = above[at]!
      q[column * size + row] = -above[at++]!
    }
  return q
}

function limitNorm(q: Float64Array, limit: number): void {
  const norm = Math.sqrt(q.reduce((sum, value) => sum + value * value, 0))
  if (norm > limit) for (let at = 0; at < q.length; at++) q[at]! *= limit / norm
}

/** 1 + 2Q + 2Q² + … with the last power once, as PEFT adds them up (OFTRotationModule._cayley_batch). */
function cayleySeries(q: Float64Array, size: number, terms: number): Float64Array {
  const result = new Float64Array(size * size)
  for (let row = 0; row < size; row++) result[row * (size + 1)] = 1
  let power = q
  const factors = terms < 2 ? [] : terms === 2 ? [2] : [...Array<number>(Math.max(2, terms - 2)).fill(2), 1]
  for (const [index, factor] of factors.entries()) {
    if (index > 0) power = product(power, q, size)
    for (let at = 0; at < result.length; at++) result[at]! += factor * power[at]!
  }
  return result
}

function product(left: Float64Array, right: Float64Array, size: number): Float64Array {
  const result = new Float64Array(size * size)
  for (let row = 0; row < size; row++)
    for (let k = 0; k < size; k++)
      for (let column = 0; column < size; column++)
        result[row * size + column]! += left[row * size + k]! * right[k * size + column]!
  return result
}
