import type { YieldOrCancel } from '../../cancel'
import { bestAssignment } from '../../linear-algebra/assignment'
import type { Matrix } from '../../linear-algebra/matrix-products'

/**
 * The best order of units that lie in blocks: which unit of the other network comes to each place, with the largest sum
 * of gains. Blocks (heads, groups of a norm) are assigned to each other, and within every pair of blocks the units of
 * each set; both exactly.
 * @param gains of every set [units, units]
 * @param pause called a few times a second
 * @returns an order for every set
 */
export async function bestOrders(
  gains: readonly Matrix[],
  blocks: number,
  pause?: YieldOrCancel,
): Promise<Int32Array[]> {
  const size = gains[0]!.rows / blocks
  const inner = new Map<string, Int32Array>()
  const blockGain = new Float64Array(blocks * blocks)
  for (const [set, gain] of gains.entries()) {
    for (let own = 0; own < blocks; own++) {
      for (let other = 0; other < blocks; other++) {
        const part = blocks === 1 ? gain.data : squareOf(gain, own * size, other * size, size)
        const order = await bestAssignment(part, size, pause)
        inner.set(`${set} ${own} ${other}`, order)
        for (let unit = 0; unit < size; unit++)
          blockGain[own * blocks + other] = blockGain[own * blocks + other]! + part[unit * size + order[unit]!]!
      }
      await pause?.()
    }
  }
  const others = await bestAssignment(blockGain, blocks)
  return gains.map((gain, set) =>
    Int32Array.from({ length: gain.rows }, (_, place) => {
      const own = Math.floor(place / size)
      const other = others[own]!
      return other * size + inner.get(`${set} ${own} ${other}`)![place % size]!
    }),
  )
}

function squareOf({ data, columns }: Matrix, row: number, column: number, size: number): Float64Array {
  const part = new Float64Array(size * size)
  for (let i = 0; i < size; i++)
    part.set(data.subarray((row + i) * columns + column, (row + i) * columns + column + size), i * size)
  return part
}
