import { fusionSettingsSchema, type FusionMethodName } from '../../../src-main/contract/adapter-fusion'
import { asMatrix } from '../../../src-main/engine/adapter-forms/matrices'
import { FactorSpace } from '../../../src-main/engine/adapter-fusion/factor-space'
import { FUSIONS, router, type CoreLayer } from '../../../src-main/engine/adapter-fusion/fusion-methods'
import { stackFactors } from '../../../src-main/engine/adapter-fusion/stacked-factors'
import { transposed } from '../../../src-main/engine/linear-algebra/rows-and-columns'
import { MatrixProducts, type Matrix } from '../../../src-main/engine/linear-algebra/matrix-products'
import { input, type GoldenCase } from '../golden-set'
import type { OpRunner } from '../run-cases'

/** What LoRAs do to one layer together, before anything is cut. */
const loraFuse: OpRunner = async (goldenCase) => {
  const { params, inputs: given } = goldenCase
  const method = String(params['method']).replace('_', '-') as FusionMethodName
  const scales = params['scales'] as number[]
  // NP-LoRA's cases have a third LoRA, which is none of the two.
  const count = method === 'np-lora' ? 2 : Number(params['loras'])
  const loras = Array.from({ length: count }, (_, k) => {
    const [up, down] = [input(goldenCase, `up_${k}`), input(goldenCase, `down_${k}`)]
    return { left: up.values(), right: down.values(), rank: asMatrix(down.shape)[0], scale: scales[k]! }
  })
  const rows = asMatrix(input(goldenCase, 'up_0').shape)[0]
  const columns = asMatrix(input(goldenCase, 'down_0').shape)[1]
  const inputs = 'columns_0' in given ? loras.map((_, k) => columnsOf(goldenCase, k)) : null
  const products = new MatrixProducts()
  try {
    const space = await FactorSpace.of(stackFactors(loras, rows, columns), products)
    const settings = settingsOf(method, params)
    const layer: CoreLayer = {
      space,
      adapters: loras.map((_, k) => k),
      settings,
      products,
      inputs,
      yieldOrCancel: () => Promise.resolve(),
    }
    const { up, down } = await space.product(await FUSIONS[method](layer))
    const { data: delta } = await products.multiply(up, down)
    const routed = 'router' in goldenCase.outputs && inputs ? (await router(layer, inputs)).data : null
    // TIES counts entries in float32.
    const arithmetic = params['inner'] === 'ties' ? 'float32' : 'float64'
    return { arithmetic, outputs: { delta, ...(routed && { router: routed }) } }
  } finally {
    await products.release()
  }
}

function settingsOf(method: FusionMethodName, params: Record<string, unknown>): CoreLayer['settings'] {
  const { inner, density, lam, hard, mu } = params
  return fusionSettingsSchema.parse({
    method,
    ...(inner !== undefined && { inner: String(inner).replace('_', '-') }),
    ...(density !== undefined && { density }),
    ...(lam !== undefined && { ridge: lam }),
    ...(hard !== undefined && { projection: hard === true ? null : mu }),
  })
}

/** Columns of a case as rows. */
function columnsOf(goldenCase: GoldenCase, k: number): Matrix {
  const columns = input(goldenCase, `columns_${k}`)
  const [rows, count] = asMatrix(columns.shape)
  return transposed({ data: columns.values(), rows, columns: count })
}

export const loraFuseOps = { lora_fuse: loraFuse } satisfies Record<string, OpRunner>
