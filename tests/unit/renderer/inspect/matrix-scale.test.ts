import { expect, it } from 'vitest'
import type { MatrixInfo } from '../../../../src-main/contract/inspect'
import { matrixScale } from '../../../../src-renderer/features/inspect/layer/matrix-scale'

const MODELS = 4
const BINS = 64

/** S of models whose own rows are near 1, all other entries in the bins from 0 on, in equal parts. */
function slopes(rows: number, noisyBins: number, stride: number): MatrixInfo {
  const columns = MODELS * rows
  const own = columns / stride
  const histogram = Array<number>(BINS).fill(0)
  histogram.fill(((rows * columns) / stride ** 2 - own) / noisyBins, 0, noisyBins)
  histogram[32] = own
  const models = ['base', 'a', 'b', 'c']
  const range = { min: -0.1, max: 1.02, levels: 1, histogram, histogramMax: 2 }
  return { layer: 'layer', matrix: 'S', models, rows, columns, stride, ...range, url: '' }
}

it.each([
  { rows: 320, noisyBins: 3 },
  { rows: 960, noisyBins: 2 },
  { rows: 1280, noisyBins: 2 },
  { rows: 5120, noisyBins: 5 },
])('the colours of $rows rows are the same in a draft', ({ rows, noisyBins }) => {
  const { high } = matrixScale('dark', slopes(rows, noisyBins, 1), false)
  // More than a thousand rows: fewer than one entry in a thousand is a row's own.
  expect(high).toBe(((rows > 1000 ? noisyBins : 33) / BINS) * 2)
  for (const stride of [2, 4, 8, 16])
    expect(matrixScale('dark', slopes(rows, noisyBins, stride), false).high).toBe(high)
})
