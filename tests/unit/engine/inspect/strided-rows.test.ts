import fc from 'fast-check'
import { afterAll, expect, it, test } from 'vitest'
import { MATRIX_KINDS, type MatrixKind } from '../../../../src-main/contract/inspect'
import { correlationMatrix } from '../../../../src-main/engine/inspect/correlation-matrix'
import { draftStride, StridedRows } from '../../../../src-main/engine/inspect/strided-rows'
import { FusionLayer } from '../../../../src-main/engine/merge/fusion/fusion-layer'
import { PLAIN_LAYER, TensorRows, type LayerRows } from '../../../../src-main/engine/merge/fusion/layer-rows'
import { FusionSessions } from '../../../../src-main/engine/merge/fusion/statistics'
import { Kernels } from '../../../../src-main/engine/tensor/kernels'
import { inputsOf, noise } from '../tensor/inputs'

const sessions = new FusionSessions('cpu')
afterAll(() => sessions.release())

const MODELS = 3
const ROWS = 640
/** No whole vectors. */
const INPUTS = 37
const STRIDE = 4

/** Random half-precision weights below 1, and how many elements of them were read. */
function halfPrecision(): { layer: TensorRows; read: () => number } {
  let elements = 0
  const models = Array.from({ length: MODELS }, (_, model) => {
    const codes = Uint16Array.from(
      noise(ROWS * INPUTS, model),
      (value) => 0x3000 + Math.abs(value) * 0x0bff + (value < 0 ? 0x8000 : 0),
    )
    return { type: 'F16' as const, bytes: new Uint8Array(codes.buffer) }
  })
  const inputs = inputsOf(models, ROWS * INPUTS)
  const counting: typeof inputs = {
    ...inputs,
    read: (model, start, into) => {
      elements += into.byteLength / 2
      inputs.read(model, start, into)
    },
  }
  return { layer: new TensorRows(counting, [ROWS, INPUTS], PLAIN_LAYER, 0, null), read: () => elements }
}

async function matrixOf(kind: MatrixKind, layer: LayerRows, samples: number | null): Promise<Float32Array> {
  const features = samples && { values: noise(INPUTS * samples, 9), count: samples, centred: true }
  const options = { normaliser: 'aligned', threshold: 0, weights: [1, 1, 1], samples: features || null } as const
  const fusion = new FusionLayer(layer, options, sessions, new Kernels(FusionLayer.memory(layer, samples)))
  const matrix = new Float32Array(layer.rows * MODELS * layer.rows)
  const place = ({ start, values }: { start: number; values: Float32Array }): void =>
    matrix.set(values, start * MODELS * layer.rows)
  await correlationMatrix(kind, layer, fusion, place, async () => {})
  return matrix
}

it.each(MATRIX_KINDS.flatMap((kind) => [null, 64].map((samples) => ({ kind, samples }))))(
  'a draft of $kind ($samples samples) has the values of the matrix at its rows, and reads no others',
  async ({ kind, samples }) => {
    const whole = await matrixOf(kind, halfPrecision().layer, samples)
    const { layer, read } = halfPrecision()
    const drafted = new StridedRows(layer, STRIDE)
    const draft = await matrixOf(kind, drafted, samples)
    expect(drafted.rows).toBe(ROWS / STRIDE)
    // Rows of the base are read for themselves too, and lengths by themselves for S and C.
    expect(read()).toBeLessThanOrEqual(3 * MODELS * drafted.rows * INPUTS)
    const columns = MODELS * ROWS
    let furthest = 0
    draft.forEach((value, i) => {
      const row = Math.floor(i / (columns / STRIDE)) * STRIDE
      const column = (i % (columns / STRIDE)) * STRIDE
      const error = Math.abs(value - whole[row * columns + column]!)
      // NaN must not pass for near.
      if (!(error <= furthest)) furthest = error
    })
    expect(furthest).toBeLessThan(1e-6)
  },
)

test('drafts have about a column for every pixel, and stand for equal parts', () => {
  expect(draftStride({ rows: 1280, models: 8 })).toBe(8)
  expect(draftStride({ rows: 320, models: 8 })).toBe(2)
  expect(draftStride({ rows: 128, models: 4 })).toBe(1)
  expect(draftStride({ rows: 1279, models: 8 })).toBe(1)
  expect(draftStride({ rows: 645, models: 2 })).toBe(1)
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 50_000 }), fc.integer({ min: 2, max: 13 }), (rows, models) => {
      const stride = draftStride({ rows, models })
      const columns = (rows * models) / stride
      expect(rows % stride).toBe(0)
      if (stride === 1) return
      expect(columns).toBeLessThanOrEqual(1280)
      expect(columns).toBeGreaterThan(640)
    }),
  )
})
