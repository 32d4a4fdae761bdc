import { afterAll, describe, expect, it } from 'vitest'
import { fusionSettingsSchema, type FusionSettings } from '../../../../src-main/contract/adapter-fusion'
import { FactorSpace } from '../../../../src-main/engine/adapter-fusion/factor-space'
import { FUSIONS } from '../../../../src-main/engine/adapter-fusion/fusion-methods'
import { stackFactors, type ScaledProduct } from '../../../../src-main/engine/adapter-fusion/stacked-factors'
import { MatrixProducts, type Matrix } from '../../../../src-main/engine/linear-algebra/matrix-products'
import { TorchGenerator } from '../../../../src-main/engine/random'

const ROWS = 14
const COLUMNS = 18
const products = new MatrixProducts()
afterAll(() => products.release())

const random = new TorchGenerator(3)
const randomMatrix = (rows: number, columns: number): Matrix => {
  return { data: Float64Array.from(random.randn(rows * columns)), rows, columns }
}
const lora = (rank: number, scale = 1): ScaledProduct => {
  return { left: randomMatrix(ROWS, rank).data, right: randomMatrix(rank, COLUMNS).data, rank, scale }
}
const changeOf = ({ left, right, rank, scale }: ScaledProduct): Promise<Matrix> =>
  products.multiply(
    { data: left.map((value) => value * scale), rows: ROWS, columns: rank },
    { data: right, rows: rank, columns: COLUMNS },
  )

async function fuse(
  loras: readonly ScaledProduct[],
  settings: Partial<FusionSettings>,
  inputs: Matrix[] | null = null,
): Promise<Matrix> {
  const space = await FactorSpace.of(stackFactors(loras, ROWS, COLUMNS), products)
  const given = fusionSettingsSchema.parse(settings)
  const adapters = loras.map((_, place) => place)
  const core = await FUSIONS[given.method]({
    space,
    adapters,
    settings: given,
    products,
    inputs,
    yieldOrCancel: () => Promise.resolve(),
  })
  const { up, down } = await space.product(core)
  return products.multiply(up, down)
}

function expectEqual(found: Matrix, wanted: Matrix, digits = 9): void {
  found.data.forEach((value, at) => expect(value).toBeCloseTo(wanted.data[at]!, digits))
}

describe('methods for adapters', () => {
  it.each([
    { method: 'core-space', inner: 'sum' },
    { method: 'core-space', inner: 'mean' },
    { method: 'core-space', inner: 'tsv' },
    { method: 'ssr' },
    { method: 'np-lora' },
  ] as const)('leave one adapter alone: %o', async (settings) => {
    const one = lora(3, 0.5)
    expectEqual(await fuse([one], settings, [randomMatrix(4, COLUMNS)]), await changeOf(one))
  })

  it('make the mean of copies the adapter itself', async () => {
    const one = lora(3, 0.5)
    expectEqual(await fuse([one, one, one], { method: 'core-space', inner: 'mean' }), await changeOf(one))
  })

  it('merge more directions than the layer has', async () => {
    const loras = [lora(8), lora(9), lora(7)]
    const changes = await Promise.all(loras.map(changeOf))
    const sum = changes[0]!.data.map((value, at) => value + changes[1]!.data[at]! + changes[2]!.data[at]!)
    expectEqual(await fuse(loras, { method: 'sum' }), { ...changes[0]!, data: sum })
  })

  it('project the content out of all directions of the style, or a part of it', async () => {
    const [content, style] = [lora(4), lora(3, 2)]
    const styled = await changeOf(style)
    const along = async (matrix: Matrix): Promise<Float64Array> => {
      const rest = { ...matrix, data: matrix.data.map((value, at) => value - styled.data[at]!) } as Matrix
      const rows = { data: style.right, rows: style.rank, columns: COLUMNS }
      return (await products.multiply(rest, rows, 'right transposed')).data as Float64Array
    }
    for (const value of await along(await fuse([content, style], { method: 'np-lora', projection: null })))
      expect(value).toBeCloseTo(0, 9)
    const whole = await along(await fuse([content, style], { method: 'np-lora', projection: 0 }))
    const half = await along(await fuse([content, style], { method: 'np-lora', projection: 1 }))
    whole.forEach((value, at) => expect(half[at]).toBeCloseTo(value / 2, 9))
  })

  it('lead every input to the adapter that it belongs to', async () => {
    const loras = [lora(3), lora(4, 0.5)]
    const inputs = [randomMatrix(2, COLUMNS), randomMatrix(3, COLUMNS)]
    const fused = await fuse(loras, { method: 'ssr', ridge: 1e-9 }, inputs)
    for (const [k, own] of inputs.entries()) {
      const found = await products.multiply(own, fused, 'right transposed')
      expectEqual(found, await products.multiply(own, await changeOf(loras[k]!), 'right transposed'), 3)
    }
  })
})
