import { PLAIN_LAYER, TensorRows } from '../../../src-main/engine/merge/fusion/layer-rows'
import type { InputColumns, RidgeOptions } from '../../../src-main/engine/merge/regression/column-system'
import { RegressionLayer } from '../../../src-main/engine/merge/regression/regression-layer'
import { RegressionSessions } from '../../../src-main/engine/merge/regression/regression-sessions'
import { Kernels } from '../../../src-main/engine/tensor/kernels'
import { input, type GoldenCase } from '../golden-set'
import type { OpRunner } from '../run-cases'
import { inputsOf, inShape, tensors } from '../inputs'

const sessions = new RegressionSessions('cpu')

/** The case's columns [d, S] as rows. */
function columnsOf(goldenCase: GoldenCase): InputColumns {
  const columns = tensors(goldenCase, 'columns').map(({ shape, values }) => {
    const [inputs, count] = shape as [number, number]
    const all = values()
    const transposed = Float32Array.from(all, (_, i) => all[(i % inputs) * count + Math.floor(i / inputs)]!)
    return { count, values: transposed }
  })
  return {
    counts: columns.map(({ count }) => count),
    scratchBytes: () => 0,
    read: (model, into) => into.floats(columns[model]!.values.length).set(columns[model]!.values),
  }
}

const featureRegression: OpRunner = (goldenCase) => {
  const { params } = goldenCase
  return regress(goldenCase, { weights: params['alpha'] as number[], ridge: Number(params['ridge']) })
}

/** Merges the layer of a case as the program does. */
export const regress = async (goldenCase: GoldenCase, options: RidgeOptions) => {
  const { shape } = input(goldenCase, 'weight_0')
  const kind = { ...PLAIN_LAYER, transposedConvolution: goldenCase.params['kind'] === 'conv_transpose' }
  const layer = new TensorRows(inputsOf(goldenCase), shape, kind, 0, null)
  const columns = columnsOf(goldenCase)
  const kernels = new Kernels(RegressionLayer.memory(layer, columns, options.weights))
  const matrix = new Float64Array(layer.rows * layer.inputs)
  const { lambda } = await new RegressionLayer(layer, columns, options, sessions, kernels).merge(
    ({ start, count, weights }) => matrix.set(weights.floats(count * layer.inputs), start * layer.inputs),
    async () => {},
  )
  return { outputs: { weight: inShape(goldenCase, matrix), lambda: [lambda] }, arithmetic: 'float32' as const }
}

export const regressionOps = { feature_regression: featureRegression } satisfies Record<string, OpRunner>
