import { elementCount, isFloatType } from '../tensor/element-type'
import type { TensorView } from './model/checkpoint'

/** Counting buffers of text encoders, which some files store as floats. */
const POSITION_IDS = /(?:^|\.)position_ids$/

/** Whether a merge may average a tensor; all others are copied from the base. */
export function isMergeable({ name, stored }: Pick<TensorView, 'name' | 'stored'>): boolean {
  return isFloatType(stored.elementType) && !POSITION_IDS.test(name)
}

/** More than any text encoder has. */
const MOST_POSITIONS = 65_536

/** Whether a tensor counts the positions of a prompt: 0 … n − 1, as int64 [n] or [1, n], whatever its file says. */
export function countsPositions({ name, shape }: Pick<TensorView, 'name' | 'shape'>): boolean {
  const count = elementCount(shape)
  return POSITION_IDS.test(name) && count === shape.at(-1) && count <= MOST_POSITIONS
}
