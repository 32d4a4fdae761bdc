import type { TensorInputs } from '../../src-main/engine/tensor/tensor-inputs'
import type { GoldenModel } from './golden-methods'
import { input, type GoldenCase, type GoldenTensor } from './golden-set'

/** The inputs PREFIX_0 … of a case, one for each of its models. */
export function tensors(goldenCase: GoldenCase, prefix: string): GoldenTensor[] {
  const count = Number(goldenCase.params['models'])
  return Array.from({ length: count }, (_, model) => input(goldenCase, `${prefix}_${model}`))
}

/** The case's weights as the engine reads them: bytes of F32. @param models those that are taken, in order */
export function inputsOf(
  goldenCase: GoldenCase,
  models: readonly GoldenModel[] = [...tensors(goldenCase, 'weight').keys()],
): TensorInputs {
  const names = models.map((model) => (model === 'merged' ? model : `weight_${model}`))
  const weights = names.map((name) => Float32Array.from(input(goldenCase, name).values()))
  return {
    name: String(goldenCase.params['layer']),
    count: weights[0]!.length,
    types: weights.map(() => 'F32' as const),
    sources: names,
    read: (model, start, into) => into.set(new Uint8Array(weights[model]!.buffer, start * 4, into.byteLength)),
  }
}

/** A matrix [n, d] in the layer's own shape. */
export function inShape(goldenCase: GoldenCase, matrix: Float64Array): Float64Array {
  const { shape } = input(goldenCase, 'weight_0')
  if (goldenCase.params['kind'] !== 'conv_transpose') return matrix
  const [inputs, outputs] = [shape[0]!, shape[1]!]
  const area = matrix.length / (inputs * outputs)
  return matrix.map((_, i) => {
    const output = Math.floor(i / area) % outputs
    const channel = Math.floor(i / (area * outputs))
    return matrix[(output * inputs + channel) * area + (i % area)]!
  })
}
