import { afterAll, describe, expect, it } from 'vitest'
import { PositiveSolver, SOLVER_BLOCK } from '../../../../../src-main/engine/merge/regression/positive-solver'
import { RegressionSessions } from '../../../../../src-main/engine/merge/regression/regression-sessions'
import { noise } from '../../tensor/inputs'

const sessions = new RegressionSessions('cpu')
afterAll(() => sessions.release())
const never = async (): Promise<void> => {}

/** B Bᵀ + I/10 of a random B [size, size]. */
function positive(size: number): Float64Array {
  const b = noise(size * size, size)
  return Float64Array.from({ length: size * size }, (_, at) => {
    const [i, j] = [Math.floor(at / size), at % size]
    let sum = i === j ? 0.1 : 0
    for (let k = 0; k < size; k++) sum += b[i * size + k]! * b[j * size + k]!
    return sum
  })
}

const factor = (matrix: Float64Array, size: number): Promise<PositiveSolver> =>
  PositiveSolver.factor(
    size,
    sessions,
    async (first, width) =>
      Float64Array.from({ length: (size - first) * width }, (_, at) => {
        return matrix[(first + Math.floor(at / width)) * size + first + (at % width)]!
      }),
    never,
  )

describe('a positive definite system', () => {
  it.each([1, 7, SOLVER_BLOCK - 1, SOLVER_BLOCK, SOLVER_BLOCK + 1, 2 * SOLVER_BLOCK + 40])(
    'of size %i is solved',
    async (size) => {
      const matrix = positive(size)
      const rows = 3
      const right = Float64Array.from(noise(rows * size, 5))
      const blocks = Array.from({ length: Math.ceil(size / SOLVER_BLOCK) }, (_, index) => {
        const first = index * SOLVER_BLOCK
        const width = Math.min(SOLVER_BLOCK, size - first)
        return Float64Array.from(
          { length: rows * width },
          (_, at) => right[Math.floor(at / width) * size + first + (at % width)]!,
        )
      })
      const solved = await (await factor(matrix, size)).solve(blocks, never)
      const y = (row: number, column: number): number => {
        const block = solved[Math.floor(column / SOLVER_BLOCK)]!
        return block[(row * block.length) / rows + (column % SOLVER_BLOCK)]!
      }
      for (let row = 0; row < rows; row++)
        for (let column = 0; column < size; column++) {
          let sum = 0
          for (let k = 0; k < size; k++) sum += y(row, k) * matrix[k * size + column]!
          expect(Math.abs(sum - right[row * size + column]!)).toBeLessThan(1e-8)
        }
    },
  )

  it('that is not positive definite is refused', async () => {
    const size = SOLVER_BLOCK + 9
    const matrix = positive(size)
    matrix[(size - 1) * (size + 1)] = -1
    await expect(factor(matrix, size)).rejects.toThrow(RangeError)
  })
})
