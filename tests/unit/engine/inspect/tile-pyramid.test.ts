import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { TILE_SIZE, tilePlace } from '../../../../src-main/contract/inspect'
import { pyramidLevels, TilePyramid } from '../../../../src-main/engine/inspect/tile-pyramid'

let folder: string
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'pyramid-'))))
afterEach(() => rm(folder, { recursive: true, force: true }))

interface Matrix {
  rows: number
  columns: number
  values: Float32Array
}

/** Half the size, each value from the one, two or four that it stands for. */
function reduce({ rows, columns, values }: Matrix, combine: (cell: number[]) => number): Matrix {
  const [height, width] = [Math.ceil(rows / 2), Math.ceil(columns / 2)]
  const reduced = Float32Array.from({ length: height * width }, (_, i) => {
    const [row, column] = [2 * Math.floor(i / width), 2 * (i % width)]
    const cell = [row, row + 1].flatMap((y) =>
      [column, column + 1].flatMap((x) => (y < rows && x < columns ? [values[y * columns + x]!] : [])),
    )
    return combine(cell)
  })
  return { rows: height, columns: width, values: reduced }
}
const mean = (cell: number[]): number => cell.reduce((sum, value) => sum + value, 0) / cell.length
const strongest = (cell: number[]): number => cell.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a))

/** A level put together from its tiles. */
async function readLevel(
  into: string,
  level: number,
  matrix: Matrix,
  size: Matrix,
  kind: string,
): Promise<Float32Array> {
  const { rows, columns } = size
  const file = new Uint8Array(await readFile(join(into, `${level}.${kind}`)))
  expect(file.length).toBe(rows * columns * 4)
  const values = new Float32Array(rows * columns)
  for (let top = 0; top < rows; top += TILE_SIZE) {
    for (let left = 0; left < columns; left += TILE_SIZE) {
      const place = tilePlace({ ...matrix, stride: 1 }, level, top / TILE_SIZE, left / TILE_SIZE)
      const tile = new Float32Array(file.slice(place.start, place.end).buffer)
      const [height, width] = [Math.min(TILE_SIZE, rows - top), Math.min(TILE_SIZE, columns - left)]
      expect(place).toMatchObject({ rows: height, columns: width })
      expect(tile.length).toBe(height * width)
      for (let row = 0; row < height; row++) {
        values.set(tile.subarray(row * width, (row + 1) * width), (top + row) * columns + left)
      }
    }
  }
  return values
}

test('every level holds means and strongest values of the one before, whatever the sizes and bands are', async () => {
  const side = fc.integer({ min: 1, max: 2 * TILE_SIZE + 3 })
  let runs = 0
  await fc.assert(
    fc.asyncProperty(side, side, fc.integer({ min: 1, max: 3 }), fc.integer(), async (rows, columns, tiles, seed) => {
      const into = join(folder, String(runs++))
      const values = Float32Array.from({ length: rows * columns }, (_, i) => Math.sin(seed + i * 12.9898))
      const bandRows = Math.min(rows, tiles * TILE_SIZE)
      const pyramid = new TilePyramid(into, rows, columns, 1, bandRows)
      for (let start = 0; start < rows; start += bandRows) {
        const count = Math.min(bandRows, rows - start)
        pyramid.values.set(values.subarray(start * columns, (start + count) * columns))
        pyramid.add(count)
      }
      const summary = pyramid.finish()
      pyramid.close()
      expect(summary.levels).toBe(pyramidLevels(rows, columns))
      expect(summary.min).toBe(values.reduce((a, b) => Math.min(a, b)))
      expect(summary.max).toBe(values.reduce((a, b) => Math.max(a, b)))
      expect(mean(summary.histogram) * summary.histogram.length).toBe(values.length)
      let [means, extremes]: [Matrix, Matrix] = [
        { rows, columns, values },
        { rows, columns, values },
      ]
      for (let level = 0; level < summary.levels; level++) {
        if (level > 0) [means, extremes] = [reduce(means, mean), reduce(extremes, strongest)]
        const found = await readLevel(into, level, { rows, columns, values }, means, 'mean')
        expect(found.every((value, i) => Math.abs(value - means.values[i]!) < 1e-6)).toBe(true)
        if (level === 0) continue
        const strongestFound = await readLevel(into, level, { rows, columns, values }, extremes, 'max')
        expect(strongestFound.every((value, i) => value === extremes.values[i])).toBe(true)
      }
    }),
    { numRuns: 6 },
  )
})

test('magnitudes are counted in equal bins, and the largest ones in the last', async () => {
  const pyramid = new TilePyramid(folder, 1, 6, 2, 1)
  pyramid.values.set([0, -0.03125, 1, -1.99, 2, -300])
  pyramid.add(1)
  const { histogram, min, max } = pyramid.finish()
  pyramid.close()
  expect([min, max]).toEqual([-300, 2])
  expect(Object.entries(histogram).filter(([, count]) => count > 0)).toEqual([
    ['0', 1],
    ['1', 1],
    ['32', 1],
    ['63', 3],
  ])
})
