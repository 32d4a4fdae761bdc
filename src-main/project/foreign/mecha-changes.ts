import { OPEN_RESULT_HINT, Refusal } from './foreign-recipe'
import type { Changes, Mask, Merge } from './mecha-calls'
import {
  changeOf,
  constant,
  constantOf,
  isAbout,
  isEverywhere,
  ONE,
  partsOf,
  singleModel,
  times,
  type Factor,
  type MechaModel,
  type Sum,
} from './mecha-sums'

/**
 * What sd-mecha's add_difference makes of a model and changes that a method has made one.
 * @throws Refusal where they are not changes from this model
 */
export function completed(a: Sum, changes: Changes, alpha: Factor): Merge {
  const base = singleModel(a)
  if (!base) {
    throw new Refusal(
      `what “${changes.by}” makes is added to something else than a model`,
      'Save the step before as a project of its own: a project can be a model of another one.',
    )
  }
  const scale = times(changes.scale, alpha)
  return changes.method.name === 'add-perpendicular'
    ? perpendicular(base, changes, scale)
    : addedTo(base, changes, scale)
}

function addedTo(base: MechaModel, { by, method, deltas }: Changes, scale: Factor): Merge {
  const specialists = deltas.map((delta) => changeOf(delta, base, by))
  if (method.name === 'geometric-median') {
    if (!isAbout(scale, 1) || specialists.some(({ factor }) => !isAbout(factor, 1))) throw multiplied(by)
    return { kind: 'merge', by, method, models: [{ model: base, factor: constant(0) }, ...specialists], lead: base }
  }
  if (method.name === 'model-stock' && specialists.some(({ factor }) => !isEverywhere(factor, (own) => own > 0))) {
    throw multiplied(by)
  }
  const models = [{ model: base, factor: ONE }, ...specialists]
  const whole = constantOf(scale)
  if (whole !== null) return { kind: 'merge', by, method: { ...method, scale: whole }, models, lead: base }
  const scaled = specialists.map(({ model, factor }) => ({ model, factor: times(factor, scale) }))
  return { kind: 'merge', by, method, models: [models[0]!, ...scaled], lead: base }
}

/** A + (what of B − C is perpendicular to A − C): C is the base. */
function perpendicular(a: MechaModel, { by, method, deltas }: Changes, scale: Factor): Merge {
  const base = partsOf(deltas[0]!).find(([model]) => model !== a)?.[0]
  if (!base || !isAbout(changeOf(deltas[0]!, base, by).factor, 1)) throw multiplied(by)
  const second = changeOf(deltas[1]!, base, by)
  const models = [base, a].map((model) => ({ model, factor: ONE }))
  const added = { model: second.model, factor: times(second.factor, scale) }
  return { kind: 'merge', by, method, models: [...models, added], lead: a }
}

/** A + mask · (B − C), where the mask is of the same three: C is the base. */
export function masked(a: Sum, difference: Sum, { models, strength }: Mask): Merge {
  const [first, second, base] = models
  const by = 'train_difference_mask'
  const isOfThese = first && second && base && singleModel(a) === first
  const change = isOfThese ? changeOf(difference, base, by) : null
  if (!isOfThese || change?.model !== second || !isAbout(change.factor, 1)) {
    throw new Refusal(`“${by}” is used with other models than it is made of`, OPEN_RESULT_HINT)
  }
  const factors = [ONE, ONE, strength]
  return {
    kind: 'merge',
    by,
    method: { name: 'train-difference' },
    models: [base, first, second].map((model, index) => ({ model, factor: factors[index]! })),
    lead: first,
  }
}

function multiplied(by: string): Refusal {
  return new Refusal(`“${by}” takes changes that are multiplied, which it does not here`, OPEN_RESULT_HINT)
}
