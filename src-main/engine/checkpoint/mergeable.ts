import { isFloatType } from '../tensor/element-type'
import type { TensorView } from './checkpoint'

/** Counting buffers of text encoders, which some files store as floats. */
const POSITION_IDS = /(?:^|\.)position_ids$/

/** Whether a merge may average a tensor; all others are copied from the base. */
export function isMergeable({ name, stored }: Pick<TensorView, 'name' | 'stored'>): boolean {
  return isFloatType(stored.elementType) && !POSITION_IDS.test(name)
}
