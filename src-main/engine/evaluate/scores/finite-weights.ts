import { yieldOrCancel } from '../../cancel'
import { TensorReader } from '../../checkpoint/containers/tensor-reader'
import type { TensorView } from '../../checkpoint/model/checkpoint'
import { FiniteCheck } from '../../tensor/finite-check'
import { BYTES_PER_ELEMENT } from '../../tensor/element-type'
import { notFiniteError } from '../../tensor/tensor-inputs'

const BLOCK_ELEMENTS = 4_194_304

/**
 * Refuses weights of which one is no finite number: a damaged file would give scores that mean nothing.
 * @throws FusionError 'not-finite', naming tensor and file; 'source-changed' for a file that became shorter; 'cancelled'
 */
export async function requireFinite(tensors: readonly TensorView[], signal?: AbortSignal): Promise<void> {
  const check = new FiniteCheck()
  const reader = new TensorReader()
  try {
    for (const stored of new Set(tensors.map((view) => view.stored))) {
      const size = BYTES_PER_ELEMENT[stored.elementType]
      const block = new Uint8Array(Math.min(BLOCK_ELEMENTS * size, stored.byteLength))
      for (let start = 0; start < stored.byteLength; start += block.byteLength) {
        await yieldOrCancel(signal)
        const bytes = block.subarray(0, stored.byteLength - start)
        reader.read(stored, start / size, bytes)
        if (!check.isFinite(stored.elementType, bytes))
          throw notFiniteError({ sources: [stored.path], name: stored.name }, 0)
      }
    }
  } finally {
    reader.close()
  }
}
