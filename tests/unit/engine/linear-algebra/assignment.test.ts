import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bestAssignment } from '../../../../src-main/engine/linear-algebra/assignment'
import { noise } from '../tensor/inputs'

function permutations(size: number): number[][] {
  if (size === 0) return [[]]
  return permutations(size - 1).flatMap((rest) =>
    Array.from({ length: size }, (_, at) => [...rest.slice(0, at), size - 1, ...rest.slice(at)]),
  )
}

const total = (gain: ArrayLike<number>, columns: ArrayLike<number>): number =>
  Array.from(columns).reduce((sum, column, row) => sum + gain[row * columns.length + column]!, 0)

/** Gains with many equal ones among them, or with none. */
const gains = fc
  .integer({ min: 1, max: 6 })
  .chain((size) =>
    fc
      .oneof(
        fc.array(fc.integer({ min: -3, max: 3 }), { minLength: size * size, maxLength: size * size }),
        fc.array(fc.double({ min: -1e3, max: 1e3, noNaN: true }), { minLength: size * size, maxLength: size * size }),
      )
      .map((values) => ({ size, gain: Float64Array.from(values) })),
  )

describe('the best assignment', () => {
  it('gains as much as the best of all permutations', () => {
    return fc.assert(
      fc.asyncProperty(gains, async ({ size, gain }) => {
        const found = await bestAssignment(gain, size)
        expect([...found].sort((a, b) => a - b)).toEqual([...Array(size).keys()])
        const best = Math.max(...permutations(size).map((columns) => total(gain, columns)))
        expect(total(gain, found)).toBeCloseTo(best, 8)
      }),
    )
  })

  it('finds a permutation that outweighs noise', async () => {
    const size = 200
    const order = Int32Array.from({ length: size }, (_, row) => (row * 77 + 13) % size)
    const gain = noise(size * size, 3)
    order.forEach((column, row) => (gain[row * size + column] = 20))
    expect(await bestAssignment(gain, size)).toEqual(order)
  })

  it('leaves units in place that are alike', async () => {
    const size = 40
    // Units in pairs of twins.
    const gain = Float64Array.from({ length: size * size }, (_, at) => {
      const [row, column] = [Math.floor(at / size), at % size]
      return Number(row >> 1 === column >> 1)
    })
    expect(await bestAssignment(gain, size)).toEqual(Int32Array.from({ length: size }, (_, row) => row))
  })

  it('is the one of scipy.optimize.linear_sum_assignment(maximize=True)', async () => {
    // Computed by scipy 1.17 from the same numbers: gain[i, j] = (7·i·i + 13·j·i + 29·j) mod 101.
    const size = 8
    const gain = Float64Array.from({ length: size * size }, (_, at) => {
      const [i, j] = [Math.floor(at / size), at % size]
      return (7 * i * i + 13 * j * i + 29 * j) % 101
    })
    expect([...(await bestAssignment(gain, size))]).toEqual([3, 7, 1, 5, 6, 0, 4, 2])
  })
})
