import { elementCount } from '../../../tensor/element-type'
import type { ComputedTensor, StoredTensor } from '../container'

/** What a computed tensor is made from. */
type Parts = Omit<ComputedTensor, 'key'>

/**
 * A weight as one module of an adapter changes it, as float32.
 * @param path of the adapter, for messages
 */
export function computedTensor(name: string, path: string, parts: Parts): StoredTensor {
  const { shape } = parts.weight
  return {
    name,
    elementType: 'F32',
    shape,
    path,
    offset: 0,
    byteLength: elementCount(shape) * 4,
    computed: { key: keyOf(parts), ...parts },
  }
}

/** Where everything that a computed tensor depends on lies, and the numbers of its settings. */
function keyOf({ weight, form, factors, settings }: Parts): string {
  const place = ({ path, offset, computed }: StoredTensor): unknown => computed?.key ?? [path, offset]
  return JSON.stringify([
    place(weight.stored),
    weight.start,
    weight.transposed,
    form,
    Object.entries(factors).map(([name, stored]) => [name, place(stored)]),
    settings,
  ])
}
