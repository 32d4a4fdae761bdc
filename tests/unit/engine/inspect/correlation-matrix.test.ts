import { afterAll, expect, it } from 'vitest'
import type { MatrixKind } from '../../../../src-main/contract/inspect'
import { correlationMatrix } from '../../../../src-main/engine/inspect/correlation-matrix'
import { FusionLayer } from '../../../../src-main/engine/merge/fusion/fusion-layer'
import { PLAIN_LAYER, TensorRows } from '../../../../src-main/engine/merge/fusion/layer-rows'
import { FusionSessions } from '../../../../src-main/engine/merge/fusion/statistics'
import { Kernels } from '../../../../src-main/engine/tensor/kernels'
import { floatInputs, noise } from '../tensor/inputs'

const sessions = new FusionSessions('cpu')
afterAll(() => sessions.release())

const INPUTS = 6
const DEAD_ROW = 5

function length(row: Float32Array): number {
  return Math.sqrt(row.reduce((sum, value) => sum + value * value, 0))
}

// Many rows: several products in a band. Many models: several bands.
it.each<{ kind: MatrixKind; rows: number; models: number; bands: number }>([
  { kind: 'P', rows: 1400, models: 2, bands: 1 },
  { kind: 'S', rows: 1400, models: 2, bands: 1 },
  { kind: 'C', rows: 1400, models: 2, bands: 1 },
  { kind: 'P', rows: 800, models: 30, bands: 2 },
])('$kind of $rows rows of $models models holds what its definition says', async ({ kind, rows, models, bands }) => {
  const weights = Array.from({ length: models }, (_, model) => noise(rows * INPUTS, model))
  for (const values of weights) values.fill(0, DEAD_ROW * INPUTS, (DEAD_ROW + 1) * INPUTS)
  const layer = new TensorRows(floatInputs(weights), [rows, INPUTS], PLAIN_LAYER, 0, null)
  const options = { normaliser: 'aligned', threshold: 0, weights: weights.map(() => 1), samples: null } as const
  const fusion = new FusionLayer(layer, options, sessions, new Kernels(FusionLayer.memory(layer, null)))
  const columns = models * rows
  const matrix = new Float32Array(rows * columns)
  const starts: number[] = []
  const parts: number[] = []
  await correlationMatrix(
    kind,
    layer,
    fusion,
    ({ start, count, values }) => {
      expect(values).toHaveLength(count * columns)
      starts.push(start)
      matrix.set(values, start * columns)
    },
    async (done) => void parts.push(done),
  )
  expect(starts).toHaveLength(bands)
  expect(parts).toEqual(parts.toSorted((a, b) => a - b))
  expect(parts[0]).toBe(0)

  const rowsOf = weights.map((values) =>
    Array.from({ length: rows }, (_, row) => values.subarray(row * INPUTS, (row + 1) * INPUTS)),
  )
  const lengths = rowsOf.map((all) => all.map(length))
  let furthest = 0
  for (let row = 0; row < rows; row += row < DEAD_ROW ? 1 : 9) {
    const base = rowsOf[0]![row]!
    const sigma = lengths[0]![row]!
    for (let column = 0; column < columns; column++) {
      const [model, other] = [Math.floor(column / rows), column % rows]
      const product = base.reduce((sum, value, i) => sum + value * rowsOf[model]![other]![i]!, 0)
      const scale = sigma * lengths[model]![other]!
      const p = scale > 0 ? product / scale : 0
      const s = sigma > 0 ? (p * lengths[model]![other]!) / sigma : 0
      const expected = { P: p, S: s, C: Math.abs(p) * s }[kind]
      const error = Math.abs(matrix[row * columns + column]! - expected) / Math.max(1, Math.abs(expected))
      // NaN must not pass for near.
      if (!(error <= furthest)) furthest = error
    }
  }
  expect(furthest).toBeLessThan(2e-6)
})
