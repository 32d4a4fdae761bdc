import { methodSchema, modelSchema } from '../../contract/document/project'
import { negativeWeight, wrongCount, type Impossible } from '../../contract/methods/impossible'
import { weighsBase } from '../../contract/methods/descriptor'
import { describedMethod } from '../../contract/methods/index'
import { MOST_MODELS } from '../../contract/values/limits'
import { Refusal, tooManyModels, type ForeignRecipe } from './foreign-recipe'

/**
 * The recipe, if a project can hold it and its method can merge it.
 * @throws Refusal
 */
export function asProjectRecipe(recipe: ForeignRecipe): ForeignRecipe {
  const { method } = recipe
  const descriptor = describedMethod(method.name)
  const models = recipe.models.map((model, index) =>
    // A base that is taken whole, or has the rest, has no weight.
    index === 0 && !weighsBase(descriptor) ? { ...model, weight: 1, blocks: {} } : model,
  )
  if (models.length > MOST_MODELS) throw tooManyModels()
  refuse(wrongCount(descriptor, models.length - 1))
  for (const { name, weight, blocks } of models) {
    refuse(negativeWeight(descriptor, { name, weight, blocks: { ...blocks }, layers: [] }))
    if (!modelSchema.safeParse({ name, path: name, weight, blocks }).success) {
      throw new Refusal(`${name} has a weight that is out of all bounds (${weight})`, 'Correct the recipe.')
    }
  }
  const checked = methodSchema.safeParse(method)
  if (!checked.success) {
    const [issue] = checked.error.issues
    throw new Refusal(
      `${issue?.path.join('.') ?? descriptor.title}: ${issue?.message ?? 'not valid'}`,
      'Correct the recipe.',
    )
  }
  return { ...recipe, models }
}

function refuse(impossible: Impossible | null): void {
  if (impossible) throw new Refusal(impossible.message.replace(/\.$/, ''), impossible.hint)
}
