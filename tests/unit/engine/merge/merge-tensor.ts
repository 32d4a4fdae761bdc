import { methodSchema, type MethodName } from '../../../../src-main/contract/document/project'
import { mergeElementwise } from '../../../../src-main/engine/merge/jobs/merge-elementwise'
import { methodNamed } from '../../../../src-main/engine/merge/methods/index'
import { mergesLayers } from '../../../../src-main/engine/merge/methods/method'
import { WeightedSum, type EncodedBlock } from '../../../../src-main/engine/tensor/weighted-sum'
import { floatInputs } from '../tensor/inputs'

/** Merges one tensor of all models as a merge does, and returns it in float64. */
export function mergeTensor(
  name: MethodName,
  given: Record<string, unknown>,
  weights: readonly number[],
  models: readonly Float32Array[],
  shape: readonly number[] = [models[0]!.length],
): Float64Array {
  const method = methodNamed(name)
  if (mergesLayers(method)) throw new Error(`${name} merges layers, not tensors`)
  const inputs = floatInputs(models)
  const settings = methodSchema.parse({ name, ...given })
  const result = new Float64Array(inputs.count)
  const write = ({ bytes }: EncodedBlock, start: number): void => new Uint8Array(result.buffer).set(bytes, start * 8)
  if (method.kind === 'linear') {
    const sum = new WeightedSum(inputs.count)
    write(sum.sum(inputs, method.combine(weights, settings), 0, inputs.count, 'F64'), 0)
  } else mergeElementwise({ method, settings, weights, inputs, shape, type: 'F64' }, write)
  return result
}
