import { methodSchema, type MethodName } from '../../../src-main/contract/document/project'
import { methodNamed } from '../../../src-main/engine/merge/methods/index'
import { BiasedRows } from '../../../src-main/engine/merge/sequential/biased-rows'
import { fitRows } from '../../../src-main/engine/merge/sequential/fit-rows'
import { PLAIN_LAYER, TensorRows } from '../../../src-main/engine/merge/fusion/layer-rows'
import type { InputColumns, RidgeOptions } from '../../../src-main/engine/merge/regression/column-system'
import { RegressionLayer } from '../../../src-main/engine/merge/regression/regression-layer'
import { RegressionSessions } from '../../../src-main/engine/merge/regression/regression-sessions'
import { Kernels } from '../../../src-main/engine/tensor/kernels'
import { input, type GoldenCase } from '../golden-set'
import type { OpRunner } from '../run-cases'
import { inputsOf, inShape, tensors } from '../inputs'

const sessions = new RegressionSessions('cpu')
const never = async (): Promise<void> => {}

/** The case's columns [d, S] as rows. @param biased whether a last input is always 1 */
function columnsOf(goldenCase: GoldenCase, prefix = 'columns', biased = false): InputColumns {
  const columns = tensors(goldenCase, prefix).map(({ shape, values }) => {
    const [inputs, count] = shape as [number, number]
    const all = values()
    const length = inputs + (biased ? 1 : 0)
    const transposed = Float32Array.from({ length: count * length }, (_, i) =>
      i % length === inputs ? 1 : all[(i % length) * count + Math.floor(i / length)]!,
    )
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

const sequentialRegression: OpRunner = async (goldenCase) => {
  const { params, inputs } = goldenCase
  const method = methodNamed(String(params['method']).replaceAll('_', '-') as MethodName)
  if (method.kind !== 'sequential') return { failures: [`${method.name} is no sequential method`] }
  const settings = methodSchema.parse({ gramRidge: params['ridge'], offDiagonals: params['rho'] })
  const options = method.problem(params['alpha'] as number[], settings)
  const biases = inputs['bias_0'] ? tensors(goldenCase, 'bias').map((bias) => Float64Array.from(bias.values())) : null
  const plain = new TensorRows(inputsOf(goldenCase), input(goldenCase, 'weight_0').shape, PLAIN_LAYER, 0, biases)
  const layer = biases ? new BiasedRows(plain, biases) : plain
  const columns = columnsOf(goldenCase, 'columns', biases !== null)
  const own = method.features === 'own' ? columnsOf(goldenCase, 'own', biases !== null) : null
  const kernels = new Kernels(RegressionLayer.memory(layer, columns, options.weights, own))
  const fitted = await fitRows(
    new RegressionLayer(layer, columns, options, sessions, kernels, own),
    layer,
    biases !== null,
    never,
  )
  const { weight, bias, lambda } = fitted
  return { outputs: { weight, lambda: [lambda], ...(bias && { bias }) }, arithmetic: 'float32' }
}

export const regressionOps = {
  feature_regression: featureRegression,
  sequential_regression: sequentialRegression,
} satisfies Record<string, OpRunner>
