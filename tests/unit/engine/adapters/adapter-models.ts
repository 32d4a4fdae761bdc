import { openAdapter, type Adapter } from '../../../../src-main/engine/adapters/adapter-file'
import { applyAdapter } from '../../../../src-main/engine/adapters/apply-adapter'
import { TensorReader } from '../../../../src-main/engine/checkpoint/containers/tensor-reader'
import type { Checkpoint, TensorView } from '../../../../src-main/engine/checkpoint/model/checkpoint'
import { openCheckpoint } from '../../../../src-main/engine/checkpoint/open'
import { BYTES_PER_ELEMENT, elementCount } from '../../../../src-main/engine/tensor/element-type'
import { decodeTensor } from '../../../golden-runner/golden-set'

export const BASE = 'tests/golden/sd1/pipeline'
export const ADAPTERS = 'tests/golden/adapters'

/** The adapter at a path; a test fails where it is none. */
export async function adapterAt(path: string): Promise<Adapter> {
  const adapter = await openAdapter(path)
  if (!adapter) throw new Error(`${path} is not taken for an adapter`)
  return adapter
}

/** The tiny Stable Diffusion 1 model with an adapter at one strength for all. */
export async function changedBase(path: string, strength: number, base = BASE): Promise<Checkpoint> {
  return applyAdapter(await adapterAt(path), await openCheckpoint(base), { unet: strength, textEncoder: strength })
}

/** A range of elements of a view, or all. */
export function readView(view: TensorView, start = 0, count = elementCount(view.shape) - start): Float64Array {
  const reader = new TensorReader()
  const bytes = new Uint8Array(count * BYTES_PER_ELEMENT[view.stored.elementType])
  reader.read(view.stored, view.start + start, bytes)
  reader.close()
  return decodeTensor(view.stored.elementType, bytes)
}

/** The views of a checkpoint that are computed, by component and name. */
export function computedViews({ components }: Checkpoint): Map<string, TensorView> {
  return new Map(
    [...components].flatMap(([component, { tensors }]) =>
      [...tensors].flatMap(([name, view]) => (view.stored.computed ? [[`${component}/${name}`, view] as const] : [])),
    ),
  )
}
