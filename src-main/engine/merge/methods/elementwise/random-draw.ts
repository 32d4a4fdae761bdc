import { createHash } from 'node:crypto'
import { TorchGenerator } from '../../../random'

/**
 * Draws which entries of a specialist's changes stay, in order; the same for a seed, tensor and specialist.
 * @param chances that an entry stays: one for all, or one for each
 */
export type DrawSource = (specialist: number) => (count: number, chances: number | Float64Array) => ArrayLike<number>

/**
 * Uniform numbers of PyTorch's generator: those below the chance stay. Seeded per tensor and specialist by the first
 * eight bytes of sha256(seed, tensor, specialist): tensors can be merged in any order, on any thread.
 */
export function seededDraws(seed: number, tensor: string): DrawSource {
  return (specialist) => {
    const digest = createHash('sha256').update(`${seed}\n${tensor}\n${specialist}`).digest()
    const generator = new TorchGenerator(digest.readBigUInt64LE(0))
    return (count, chances) => {
      const values = generator.rand(count)
      const stays = new Uint8Array(count)
      if (typeof chances === 'number') for (let i = 0; i < count; i++) stays[i] = values[i]! < chances ? 1 : 0
      else for (let i = 0; i < count; i++) stays[i] = values[i]! < chances[i]! ? 1 : 0
      return stays
    }
  }
}
