import { FusionError } from '../../contract/errors'
import type { StoredTensor } from './containers/container'

/** Tensors of one file by their names in it. */
export interface NamedTensors {
  /** Of the file, for messages. */
  path: string
  tensors: ReadonlyMap<string, Pick<StoredTensor, 'shape'>>
}

/**
 * The shape of a tensor that a network cannot be without.
 * @param expected its dimensions; null for those that the file decides
 * @throws FusionError 'malformed', naming the tensor and the file
 */
export function requiredShape<const Dims extends readonly (number | null)[]>(
  { path, tensors }: NamedTensors,
  name: string,
  expected: Dims,
): { [axis in keyof Dims]: number } {
  const shape = tensors.get(name)?.shape
  if (!shape)
    throw new FusionError('malformed', `${path} lacks the tensor ${name}.`, {
      hint: 'The file is incomplete or of another model: get it again.',
    })
  const fits = shape.length === expected.length && expected.every((size, axis) => (size ?? shape[axis]) === shape[axis])
  const isEmpty = shape.some((size) => size < 1)
  if (!fits || isEmpty)
    throw new FusionError(
      'malformed',
      `${path}: the tensor ${name} has the shape [${shape.join()}] where [${expected.map((size) => size ?? 'n').join()}] should be.`,
      { hint: 'The file is damaged or of another model: get it again.' },
    )
  return shape as unknown as { [axis in keyof Dims]: number }
}
