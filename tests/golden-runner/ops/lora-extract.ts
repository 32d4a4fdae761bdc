import { MatrixProducts, type Matrix } from '../../../src-main/engine/linear-algebra/matrix-products'
import { energyRank, lostEnergy, truncatedSvd } from '../../../src-main/engine/linear-algebra/truncated-svd'
import { asMatrix } from '../../../src-main/engine/adapter-forms/matrices'
import { input } from '../golden-set'
import type { OpRunner } from '../run-cases'

/** The best approximation of a layer's change by a rank, in float64. */
const loraExtract: OpRunner = async (goldenCase) => {
  const { params } = goldenCase
  const base = input(goldenCase, 'base')
  const tuned = input(goldenCase, 'tuned').values()
  const [rows, columns] = asMatrix(base.shape)
  const delta: Matrix = { data: base.values().map((value, at) => tuned[at]! - value), rows, columns }
  const products = new MatrixProducts()
  try {
    const found = await truncatedSvd(delta, { rank: Number(params['rank']) }, products)
    const singularValues = found?.singularValues ?? new Float64Array(Math.min(rows, columns))
    const error = found ? await lostEnergy(delta, found, products) : null
    const product = found ? await products.multiply(found.up, found.down) : null
    return {
      arithmetic: 'float64',
      outputs: {
        singular_values: singularValues,
        product: product?.data ?? new Float64Array(rows * columns),
        relative_error: [error ? Math.sqrt(error.lost / error.total) : 0],
        energy_rank: [energyRank(singularValues, Number(params['energy']))],
      },
    }
  } finally {
    await products.release()
  }
}

export const loraExtractOps = { lora_extract: loraExtract } satisfies Record<string, OpRunner>
