import { FusionError } from '../../contract/errors'
import type { WeightInput } from '../architecture/network-graph'
import { liesInFile } from '../checkpoint/containers/container'
import { TensorReader } from '../checkpoint/containers/tensor-reader'
import type { TensorView } from '../checkpoint/model/checkpoint'
import type { Network } from '../runtime/network'
import type { Tensor } from '../runtime/session'
import { elementCount, isFloatType } from '../tensor/element-type'
import { SUM_BLOCK_ELEMENTS, WeightedSum } from '../tensor/weighted-sum'

/**
 * Gives a network its weights that are computed (an adapter's, a chained merge's), which lie in no file that the runtime could read.
 * @throws FusionError 'not-finite', 'source-changed'
 */
export function feedComputed(network: Network, inputs: readonly WeightInput[]): void {
  const computed = inputs.filter(({ view }) => !liesInFile(view.stored))
  if (computed.length === 0) return
  const reader = new TensorReader()
  const summing = new WeightedSum()
  try {
    network.setWeights(
      Object.fromEntries(computed.map((input) => [input.name, readWeight(input.view, input, summing, reader)])),
    )
  } finally {
    reader.close()
  }
}

/**
 * A view as the float32 tensor that a network takes for an input.
 * @throws FusionError 'unsupported' (integers), 'not-finite', 'source-changed'
 */
export function readWeight(
  { stored, start: first }: TensorView,
  { name, dims }: WeightInput,
  summing: WeightedSum,
  reader: TensorReader,
): Tensor {
  const type = stored.elementType
  if (!isFloatType(type))
    throw new FusionError('unsupported', `${stored.path} stores ${name} as ${type}, not as real numbers.`)
  const count = elementCount(dims)
  const data = new Float32Array(count)
  const bytes = new Uint8Array(data.buffer)
  const source = {
    name,
    count,
    types: [type],
    sources: [stored.path],
    read: (_model: number, start: number, into: Uint8Array) => reader.read(stored, first + start, into),
  }
  for (let start = 0; start < count; start += SUM_BLOCK_ELEMENTS) {
    const length = Math.min(SUM_BLOCK_ELEMENTS, count - start)
    const block = summing.sum(source, { coefficients: [1], divisor: 1 }, start, length, 'F32')
    bytes.set(block.bytes, start * data.BYTES_PER_ELEMENT)
  }
  return { data, dims }
}
