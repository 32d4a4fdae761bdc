import type { MethodSettings } from '../../../contract/document/project'
import { decodeFloats, encodeFloats } from '../../tensor/convert'
import { BYTES_PER_ELEMENT, type FloatType } from '../../tensor/element-type'
import { Kernels } from '../../tensor/kernels'
import { notFiniteError, type TensorInputs } from '../../tensor/tensor-inputs'
import type { EncodedBlock } from '../../tensor/weighted-sum'
import { blockElements } from '../methods/block-elements'
import type { BlockMethod, ElementBlock } from '../methods/method'
import { startVectors } from '../methods/vectors/start-vectors'
import { multiply } from '../../linear-algebra/vectors'

/** One tensor to merge by a method that is no linear combination. */
export interface TensorMerge {
  method: BlockMethod
  settings: MethodSettings
  /** Weight of every model for this tensor, base first. */
  weights: readonly number[]
  inputs: TensorInputs
  shape: readonly number[]
  /** Element type of the result. */
  type: FloatType
  /** What it is multiplied by; absent: 1. */
  gain?: number
}

/**
 * Merges a tensor block by block; `write` gets each block with its first element, in order.
 * @param kernels whose buffers are taken back first
 * @throws FusionError 'not-finite' with the file and the tensor
 */
export function mergeElementwise(
  { method, settings, weights, inputs, shape, type, gain = 1 }: TensorMerge,
  write: (block: EncodedBlock, start: number) => void,
  kernels = new Kernels(0),
): void {
  const { name: tensor, count } = inputs
  if (count === 0) return
  kernels.reset()
  const context = { tensor, count, shape, weights, settings, kernels }
  const merge = method.kind === 'vector' ? startVectors(method, context) : method.start(context)
  const capacity = blockElements(count, merge.runLength)
  const raw = kernels.allocateMore(capacity * 8)
  const encoded = kernels.allocateMore(capacity * 8)
  const values = inputs.types.map(() => kernels.allocateMore(capacity * 4))
  const results = new Float64Array(capacity)
  const load = (start: number): ElementBlock => {
    const count = Math.min(capacity, inputs.count - start)
    inputs.types.forEach((stored, model) => {
      inputs.read(model, start, raw.bytes(count * BYTES_PER_ELEMENT[stored]))
      if (!decodeFloats(kernels, stored, raw, values[model]!, count)) throw notFiniteError(inputs, model)
    })
    const [base, ...others] = values.map((buffer) => buffer.floats(count))
    return { count, base: base!, others }
  }
  for (const scan of merge.scans) {
    for (let start = 0; start < count; start += capacity) scan(load(start))
  }
  for (let start = 0; start < count; start += capacity) {
    const block = load(start)
    merge.apply(block, results.subarray(0, block.count))
    multiply(results.subarray(0, block.count), gain)
    if (type === 'F64') {
      const bytes = new Uint8Array(results.slice(0, block.count).buffer)
      write({ bytes, overflowed: !results.subarray(0, block.count).every(Number.isFinite) }, start)
      continue
    }
    values[0]!.floats(block.count).set(results.subarray(0, block.count))
    const finite = encodeFloats(kernels, type, values[0]!, encoded, block.count)
    write({ bytes: encoded.bytes(block.count * BYTES_PER_ELEMENT[type]), overflowed: !finite }, start)
  }
}
