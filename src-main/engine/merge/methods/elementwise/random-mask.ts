import { createHash } from 'node:crypto'
import { TorchGenerator } from '../../../random'

/** Draws the entries of a delta that DARE keeps, in order; the same for a seed, tensor and model, whatever the blocks. */
export type MaskSource = (model: number) => (count: number) => ArrayLike<number>

/**
 * Masks from PyTorch's generator (uniform numbers below `density` stay), seeded per tensor and model by the first eight
 * bytes of sha256(seed, tensor, model): tensors can be merged in any order, on any thread.
 */
export function seededMasks(seed: number, tensor: string, density: number): MaskSource {
  return (model) => {
    const digest = createHash('sha256').update(`${seed}\n${tensor}\n${model}`).digest()
    const generator = new TorchGenerator(digest.readBigUInt64LE(0))
    return (count) => Uint8Array.from(generator.rand(count), (value) => (value < density ? 1 : 0))
  }
}
