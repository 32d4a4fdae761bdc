import { describe, expect, it } from 'vitest'
import { rowSketch } from '../../../../src-main/engine/linear-algebra/row-sketch'
import { TorchGenerator } from '../../../../src-main/engine/random'

/** The combinations themselves, [4 · count, rows]: what they make of the identity. */
function combinations(rows: number, count: number): number[][] {
  const identity = Float32Array.from({ length: rows * rows }, (_, at) => Number(at % (rows + 1) === 0))
  const { data } = rowSketch({ data: identity, rows, columns: rows }, count).combinations
  return Array.from({ length: 4 * count }, (_, sum) => [...data.subarray(sum * rows, (sum + 1) * rows)])
}

describe('rowSketch', () => {
  it('adds or subtracts every row in four sums, and gives all sums as many rows', () => {
    const sums = combinations(400, 10)
    for (let row = 0; row < 400; row++) expect(sums.filter((sum) => Math.abs(sum[row]!) === 1)).toHaveLength(4)
    for (const sum of sums) expect(sum.filter((factor) => factor !== 0)).toHaveLength(40)
  })

  it('tells rows apart again that are no more than the sums', () => {
    const sums = combinations(36, 10)
    for (let one = 0; one < 36; one++)
      for (let other = 0; other < 36; other++) {
        const product = sums.reduce((total, sum) => total + sum[one]! * sum[other]!, 0)
        expect(product).toBe(one === other ? 4 : 0)
      }
  })

  it('is the sum that its combinations say, for any number of rows and columns', () => {
    const [rows, columns, count] = [10, 7, 2]
    const data = new TorchGenerator(1).randn(rows * columns)
    const sums = combinations(rows, count)
    const sketch = rowSketch({ data, rows, columns }, count)
    const entry = (sum: number, column: number): number => sketch.combinations.data[sum * columns + column]!
    for (let column = 0; column < columns; column++) {
      sums.forEach((factors, sum) => {
        const expected = factors.reduce((total, factor, row) => total + factor * data[row * columns + column]!, 0)
        expect(entry(sum, column)).toBeCloseTo(expected, 5)
      })
      for (let direction = 0; direction < count; direction++) {
        const expected = [0, 1, 2, 3].reduce((total, part) => total + entry(part * count + direction, column), 0)
        expect(sketch.directions.data[direction * columns + column]).toBeCloseTo(expected, 5)
      }
    }
  })
})
