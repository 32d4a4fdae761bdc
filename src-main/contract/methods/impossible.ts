import type { ModelEntry } from '../document/project'
import { weighsBase, type MethodDescriptor } from './descriptor'

/** Why a method cannot merge, for people: what is wrong, and what to do. */
export interface Impossible {
  message: string
  hint: string
}

/** Whether a method takes as many specialists; null where it does. */
export function wrongCount(
  { title, specialists: { least, most } }: Pick<MethodDescriptor, 'title' | 'specialists'>,
  specialists: number,
): Impossible | null {
  if (specialists >= least && specialists <= most) return null
  const isFew = specialists < least
  const wanted = least === most ? `exactly ${least}` : isFew ? `at least ${least}` : `at most ${most}`
  const word = (isFew ? least : most) === 1 ? 'specialist' : 'specialists'
  return {
    message: `${title} takes ${wanted} ${word}; the number of those that take part is ${specialists}.`,
    hint: isFew ? 'Add specialists, or choose another method.' : 'Leave some out, or choose another method.',
  }
}

/** Whether a model has a negative weight that the method cannot use; null where it has none. */
export function negativeWeight(
  method: Pick<MethodDescriptor, 'title' | 'result'>,
  { name, weight, blocks, layers }: Pick<ModelEntry, 'name' | 'weight' | 'blocks' | 'layers'>,
): Impossible | null {
  const weights = [weight, ...Object.values(blocks), ...layers.map((layer) => layer.weight)]
  if (!weighsBase(method) || weights.every((value) => value >= 0)) return null
  return { message: `${name} has a negative weight, which ${method.title} cannot use.`, hint: 'Give it 0 or more.' }
}
