import type { TensorView } from '../../checkpoint/model/checkpoint'
import type { TensorReader } from '../../checkpoint/containers/tensor-reader'
import { BYTES_PER_ELEMENT, elementCount, type FloatType } from '../../tensor/element-type'
import type { TensorInputs } from '../../tensor/tensor-inputs'
import { swapFirstAxes } from '../../tensor/swap-axes'

/** The same canonical tensor of several checkpoints, base first, as inputs of a merge. */
export function viewInputs(views: readonly TensorView[], reader: Pick<TensorReader, 'read'>): TensorInputs {
  const transposed = new Map<number, Uint8Array>()
  const { name, shape } = views[0]!
  return {
    name,
    count: elementCount(shape),
    types: views.map(({ stored }) => stored.elementType as FloatType),
    sources: views.map(({ stored }) => stored.path),
    origins: views.map(({ stored, start, transposed }) =>
      views.findIndex((other) => other.stored === stored && other.start === start && other.transposed === transposed),
    ),
    read(model, start, into) {
      const view = views[model]!
      if (!view.transposed) return reader.read(view.stored, view.start + start, into)
      let whole = transposed.get(model)
      const size = BYTES_PER_ELEMENT[view.stored.elementType]
      if (!whole) {
        const bytes = new Uint8Array(elementCount(shape) * size)
        reader.read(view.stored, view.start, bytes)
        whole = swapFirstAxes(bytes, [shape[1]!, shape[0]!, ...shape.slice(2)], size)
        transposed.set(model, whole)
      }
      into.set(whole.subarray(start * size, start * size + into.byteLength))
    },
  }
}
