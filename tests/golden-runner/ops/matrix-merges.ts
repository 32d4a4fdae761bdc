import type { MethodSettings } from '../../../src-main/contract/document/project'
import { MatrixProducts } from '../../../src-main/engine/linear-algebra/matrix-products'
import { PLAIN_LAYER, TensorRows } from '../../../src-main/engine/merge/fusion/layer-rows'
import { ChangedRows } from '../../../src-main/engine/merge/jobs/changed-rows'
import type { MergedChange } from '../../../src-main/engine/merge/methods/matrices/matrix-layer'
import type { MatrixMethod } from '../../../src-main/engine/merge/methods/method'
import { Kernels } from '../../../src-main/engine/tensor/kernels'
import type { TensorInputs } from '../../../src-main/engine/tensor/tensor-inputs'

const products = new MatrixProducts()

/** One layer of all models, base first, and how it is merged. */
export interface MatrixCase {
  method: MatrixMethod
  settings: MethodSettings
  weights: readonly number[]
  inputs: TensorInputs
  shape: readonly number[]
  transposedConvolution?: boolean
}

/** Merges a layer as the program does, but adds the change to the base in float64: [n, d]. */
export async function mergeMatrix({
  method,
  settings,
  weights,
  inputs,
  shape,
  transposedConvolution = false,
}: MatrixCase): Promise<{ merged: Float64Array; rank: MergedChange['rank'] }> {
  const rows = new TensorRows(inputs, shape, { ...PLAIN_LAYER, transposedConvolution }, 0, null)
  const kernels = new Kernels(ChangedRows.memory(rows))
  const layer = new ChangedRows(rows, weights, settings, products, kernels, async () => {})
  const { change, rank } = await method.merge(layer)
  const merged = Float64Array.from(change.data)
  layer.add({ ...change, data: new Float64Array(merged.length) }, ({ start, count, weights: base }) => {
    const own = base.floats(count * rows.inputs)
    for (let i = 0; i < own.length; i++) merged[start * rows.inputs + i]! += own[i]!
  })
  return { merged, rank }
}
