import type { AdapterForm } from '../form'
import { misfitOf } from '../matrices'
import { limitOf, mixedRotations, rescaleOf } from './cayley'

/**
 * BOFT (arXiv 2311.06243, LyCORIS'): stages of rotations. Stage i takes rows in groups of 2k, k = 2^i · b / 2, reads each
 * group as [2, k], takes it in the order of [k, 2], and rotates blocks of b rows. Every row depends on every other.
 */
export const boft: AdapterForm = {
  name: 'boft',
  title: 'a BOFT',
  factors: ['oft_blocks', 'rescale'],
  is: (shape) => shape('oft_blocks')?.length === 4,
  misfit({ rows }, shape) {
    const blocks = shape('oft_blocks') ?? []
    const [stages = 0, count = 0, size = 0] = blocks
    const last = 2 ** (stages - 1) * size
    if (blocks.length !== 4 || count * size !== rows || blocks[3] !== size || size % 2 !== 0 || rows % last !== 0)
      return `oft_blocks is [${blocks.join(', ')}], not stages of rotations of ${rows} rows`
    return shape('rescale') && misfitOf(shape, { rescale: [rows, 1] })
  },
  rank: () => null,
  rowChange({ rows, rowLength }, factors, settings) {
    const [stages = 0, count = 0, size = 0] = factors.shape('oft_blocks')!
    const rotations = mixedRotations(factors.whole('oft_blocks'), size, limitOf(settings, rows), settings.multiplier)
    const rescale = rescaleOf(factors, settings)
    return {
      rowsTogether: rows,
      change({ values }) {
        const matrix = values.floats(rows * rowLength)
        for (let stage = 0; stage < stages; stage++) {
          const order = rowOrder(rows, (2 ** stage * size) / 2)
          for (let block = 0; block < count; block++) {
            const start = (stage * count + block) * size * size
            rotateRows(matrix, rowLength, order.subarray(block * size, (block + 1) * size), rotations, start)
          }
        }
        if (rescale) for (let at = 0; at < matrix.length; at++) matrix[at]! *= rescale[Math.floor(at / rowLength)]!
      },
    }
  },
}

/** Rows in the order in which a stage takes them. */
function rowOrder(rows: number, half: number): Int32Array {
  const order = new Int32Array(rows)
  let at = 0
  for (let start = 0; start < rows; start += 2 * half)
    for (let j = 0; j < half; j++) {
      order[at++] = start + j
      order[at++] = start + half + j
    }
  return order
}

/** Replaces the given rows by a rotation of them, column after column. */
function rotateRows(
  matrix: Float32Array,
  rowLength: number,
  rows: Int32Array,
  rotations: Float64Array,
  start: number,
): void {
  const size = rows.length
  const column = new Float64Array(size)
  for (let i = 0; i < rowLength; i++) {
    for (let row = 0; row < size; row++) column[row] = matrix[rows[row]! * rowLength + i]!
    for (let row = 0; row < size; row++) {
      let sum = 0
      for (let from = 0; from < size; from++) sum += rotations[start + row * size + from]! * column[from]!
      matrix[rows[row]! * rowLength + i] = sum
    }
  }
}
