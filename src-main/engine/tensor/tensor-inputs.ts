import { FusionError } from '../../contract/errors'
import type { FloatType } from './element-type'

/** One tensor of every model of a merge, base first, all of one shape; read by ranges of elements. */
export interface TensorInputs {
  /** Name in diffusers' form, for messages. */
  name: string
  /** Number of elements. */
  count: number
  /** Element type per model. */
  types: readonly FloatType[]
  /** Name of each model's file, for messages. */
  sources: readonly string[]
  /** Per model the first model with the very same elements, itself if there is none before; absent: nothing is known. */
  origins?: readonly number[]
  /** Fills `into` with the elements of `model` from `start` on, as its file stores them. */
  read(model: number, start: number, into: Uint8Array): void
}

/** NaN or infinity among the weights stops a merge (method.md): it would spread silently to every layer behind it. */
export function notFiniteError({ sources, name }: Pick<TensorInputs, 'sources' | 'name'>, model: number): FusionError {
  return new FusionError('not-finite', `${sources[model]} has NaN or infinity in the tensor ${name}.`, {
    hint: 'The checkpoint is damaged or overflowed when it was saved in half precision. Use another copy of it, or leave it out.',
  })
}
