import { weightOf } from '../document/blocks/layer-patterns'
import type { ModelEntry, Project } from '../document/project'
import { primaryModel } from '../methods/descriptor'
import { describedMethod } from '../methods/index'

/** How well is known what a merge adds to the base: a sum of changes, near one, or not. */
export type Knowledge = 'exact' | 'as-mean' | 'none'

/** Linear methods add up changes; what others do to them is not known from their products alone. */
export function knowledgeOf({ method }: Pick<Project, 'method'>): Knowledge {
  const { kind } = describedMethod(method.name)
  return kind === 'linear' ? 'exact' : kind === 'fusion' ? 'as-mean' : 'none'
}

/** How 'what survives' is computed for a project's method, in words. */
export function survivalWords(project: Pick<Project, 'method'>): string {
  const { title } = describedMethod(project.method.name)
  const what = 'Cosine of what the merge changes with what the specialist changed'
  switch (knowledgeOf(project)) {
    case 'exact':
      return `${what}, by ${title} with the project’s weights. 1: all of its direction survives; 0: nothing.`
    case 'as-mean':
      return `${what}. It is computed for the weighted mean with the project’s weights; of ${title} itself it is not computed.`
    case 'none':
      return `Not computed for ${title}: what it changes is no sum of what the specialists changed.`
  }
}

/**
 * By how much a merge multiplies each specialist's change of a layer, up to a factor that all have in common.
 * @param specialists of the project, in the order of the answer
 * @param names all names of the layer's weight
 */
export function factorsOfLayer(
  { models, method }: Pick<Project, 'models' | 'method'>,
  specialists: readonly ModelEntry[],
  names: readonly string[],
  block: string,
): number[] | null {
  if (knowledgeOf({ method }) === 'none') return null
  // The model that changes are added to is taken whole.
  const whole = models[primaryModel(describedMethod(method.name))]
  return specialists.map((model) => (model === whole ? 1 : weightOf(model, names, block)))
}
