import type { ModelEntry } from '../../contract/project'

/**
 * The weight of a model for one tensor: the last layer pattern that matches, else its block's weight, else its own.
 * @param name of the tensor in diffusers' form
 * @param block its block (blocks.ts)
 */
export function weightOf(model: ModelEntry, name: string, block: string): number {
  if (!model.enabled) return 0
  const layer = model.layers.findLast(({ pattern }) => matchesPattern(pattern, name))
  return layer?.weight ?? model.blocks[block] ?? model.weight
}

/** Whether a pattern, in which `*` stands for any characters, matches the whole name or a stretch of whole parts of it. */
export function matchesPattern(pattern: string, name: string): boolean {
  const expression = pattern
    .split('*')
    .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
    .join('.*')
  return new RegExp(`(^|\\.)${expression}(\\.|$)`).test(name)
}
