import { OPEN_RESULT_HINT, Refusal, typeOfTorch } from './foreign-recipe'
import type { Call, Changes, Merge, Value } from './mecha-calls'
import { completed, masked } from './mecha-changes'
import { wholeOr } from './mecha-literals'
import { addedUp, combined, constant, ONE, singleModel, times, type MechaModel, type Sum } from './mecha-sums'

/** A method of sd-mecha 1.1 that is read: its parameters in their order, and what it gives. */
interface MechaMethod {
  parameters: readonly string[]
  /** It takes any number of models first. */
  takesMany?: true
  run(call: Call): Value
}

/** Types that steps before the last may be computed in: here all are float32 or better. */
const EXACT_TYPES = ['float32', 'float64']

const METHODS: Readonly<Record<string, MechaMethod>> = {
  weighted_sum: {
    parameters: ['a', 'b', 'alpha'],
    run(call) {
      const [a, b, alpha] = [call.sum('a'), call.sum('b'), call.factor('alpha', 0.5)]
      const rest = combined(ONE, alpha, (one, part) => one - part)
      return addedUp(a, rest, b, alpha, [a, b].some(isOfDifferences) ? 'differences' : 'shares')
    },
  },
  n_average: {
    parameters: [],
    takesMany: true,
    run(call) {
      const sums = call.sums()
      const share = constant(1 / sums.length)
      const written = sums.every(singleModel) ? 'average' : sums.some(isOfDifferences) ? 'differences' : 'shares'
      const [first, ...others] = sums
      const start = addedUp(first!, share, first!, constant(0), written)
      return others.reduce((total, sum) => addedUp(total, ONE, sum, share, written), start)
    },
  },
  subtract: {
    parameters: ['a', 'b'],
    run: (call) => addedUp(call.sum('a'), ONE, call.sum('b'), constant(-1), 'differences'),
  },
  scale: {
    parameters: ['a', 'alpha'],
    run(call) {
      const [a, alpha] = [call.value('a'), call.factor('alpha', 1)]
      if (a.kind === 'changes') return { ...a, scale: times(a.scale, alpha) }
      const sum = call.sum('a')
      return addedUp(sum, alpha, sum, constant(0), 'differences')
    },
  },
  add_difference: {
    parameters: ['a', 'b', 'alpha'],
    run(call) {
      const mask = call.mask('alpha')
      if (mask) return masked(call.sum('a'), call.sum('b'), mask)
      const changes = call.value('b')
      const factor = call.factor('alpha', 1)
      if (changes.kind === 'changes') return completed(call.sum('a'), changes, factor)
      return addedUp(call.sum('a'), ONE, call.sum('b'), factor, 'differences')
    },
  },
  fallback: { parameters: ['a', 'b'], run: fallback },
  cast: { parameters: ['a', 'device', 'dtype'], run: cast },
  slerp: {
    parameters: ['a', 'b', 'alpha'],
    run: (call) => ({
      ...ofModels(call, { name: 'slerp', slerpForm: 'sd-mecha' }),
      models: [
        { model: model(call, 'a'), factor: ONE },
        { model: model(call, 'b'), factor: call.factor('alpha', 0.5) },
      ],
    }),
  },
  add_cosine_a: { parameters: ['a', 'b', 'alpha'], run: (call) => cosine(call, 'columns') },
  add_cosine_b: { parameters: ['a', 'b', 'alpha'], run: (call) => cosine(call, 'mixed') },
  geometric_median: {
    parameters: ['eps', 'maxiter', 'ftol'],
    takesMany: true,
    run(call) {
      call.only('eps', 1e-6)
      call.only('maxiter', 100)
      call.only('ftol', 1e-20)
      const models = call.sums().map(singleModel)
      const method = { name: 'geometric-median' } as const
      if (!models.every((one) => one !== null)) return changes(call, method)
      return { kind: 'merge', by: call.method, method, models: models.map(taken), lead: models[0]! }
    },
  },
  ties_sum: {
    parameters: ['k', 'vote_sgn'],
    takesMany: true,
    run(call) {
      const density = call.number('k', 1)
      if (density <= 0 || density > 1) throw call.refusal('k', 'is not between 0 and 1')
      return changes(call, {
        name: 'ties',
        tiesForm: 'sd-mecha',
        density,
        sign: call.flag('vote_sgn', false) ? 'sum' : 'count',
      })
    },
  },
  model_stock: {
    parameters: ['cos_eps'],
    takesMany: true,
    run(call) {
      call.only('cos_eps', 1e-6)
      return changes(call, { name: 'model-stock', stockForm: 'neighbours' })
    },
  },
  dropout: {
    parameters: ['probability', 'rescale', 'overlap', 'overlap_emphasis', 'seed'],
    takesMany: true,
    run: dropout,
  },
  perpendicular_component: {
    parameters: ['a', 'b'],
    run: (call) => changes(call, { name: 'add-perpendicular' }, [call.sum('a'), call.sum('b')]),
  },
  train_difference_mask: {
    parameters: ['a', 'b', 'c', 'alpha'],
    run: (call) => ({
      kind: 'mask',
      models: ['a', 'b', 'c'].map((key) => singleModel(call.sum(key))),
      strength: call.factor('alpha', 1),
    }),
  },
}

/** Why methods are not read that look like ones of this program. */
const DIFFERENT: Readonly<Record<string, string>> = {
  ties_sum_extended: 'multiplies TIES by a factor of Model Stock',
  ties_sum_with_dropout: 'drops changes before TIES and divides by their number, and DARE-TIES here is mergekit’s',
}

/** @throws Refusal for a method that does not exist here */
export function mechaMethod(name: string): MechaMethod {
  const method = Object.hasOwn(METHODS, name) ? METHODS[name] : undefined
  if (method) return method
  // Other names, or another shape, for the same values.
  if (/^convert_/.test(name)) return { parameters: ['a'], run: (call) => call.value('a') }
  const different = Object.hasOwn(DIFFERENT, name) ? DIFFERENT[name] : undefined
  throw new Refusal(`“${name.slice(0, 80)}” ${different ?? 'is none of the methods here'}`, OPEN_RESULT_HINT)
}

function isOfDifferences({ written }: Sum): boolean {
  return written === 'differences'
}

function taken(model: MechaModel): Merge['models'][number] {
  return { model, factor: ONE }
}

function model(call: Call, parameter: string): MechaModel {
  const single = singleModel(call.sum(parameter))
  if (!single) throw call.refusal(parameter, 'is no model by itself, which it has to be here')
  return single
}

function ofModels(call: Call, method: Merge['method']): Omit<Merge, 'models'> {
  return { kind: 'merge', by: call.method, method, lead: model(call, 'a') }
}

function changes(call: Call, method: Merge['method'], deltas: readonly Sum[] = call.sums()): Changes {
  return { kind: 'changes', by: call.method, method, deltas, scale: ONE }
}

function cosine(call: Call, similarity: 'columns' | 'mixed'): Merge {
  const shift = call.number('alpha', 1)
  if (Math.abs(shift) > 1) throw call.refusal('alpha', 'is not between -1 and 1')
  return {
    ...ofModels(call, { name: 'cosine', similarity, shift }),
    models: [taken(model(call, 'a')), taken(model(call, 'b'))],
  }
}

/** Of one model it is DARE; sd-mecha draws other random numbers with the same chance. */
function dropout(call: Call): Value {
  if (call.sums().length > 1) {
    throw new Refusal(`“${call.method}” of several models divides by the number of those that stay`, OPEN_RESULT_HINT)
  }
  call.only('rescale', 1)
  if (call.number('overlap', 1) % 2 !== 1) throw call.refusal('overlap', 'is not 1')
  const density = Number((1 - call.number('probability', 0.9)).toPrecision(12))
  if (density <= 0 || density > 1) throw call.refusal('probability', 'is not at least 0 and below 1')
  const seed = call.number('seed', 0)
  return changes(call, {
    name: 'dare',
    density,
    rescale: 'density',
    ...(Number.isSafeInteger(seed) && seed >= 0 && { seed }),
  })
}

function fallback(call: Call): Value {
  const [a, b] = [call.value('a'), call.value('b')]
  if (a.kind === 'blocks' && b.kind === 'number') {
    const { all, blocks } = b.factor
    const given = Object.fromEntries(a.labels.map((label) => [label, a.blocks[label] ?? blocks[label] ?? all]))
    return wholeOr({ ...a, blocks: given })
  }
  if (a.kind === 'number' && b.kind === 'number') return a
  const lead = a.kind === 'merge' || a.kind === 'sum' ? a.lead : null
  const other = b.kind === 'merge' || b.kind === 'sum' ? b.lead : null
  if (lead !== null && lead === other) return a
  throw new Refusal(
    '“fallback” takes what is missing from another model than the one that gives the rest here',
    OPEN_RESULT_HINT,
  )
}

function cast(call: Call): Value {
  const value = call.value('a')
  const type = call.text('dtype')
  if (type === null || (!call.isLast && EXACT_TYPES.includes(type))) return value
  const dtype = call.isLast ? typeOfTorch(type) : undefined
  if (!dtype) throw call.refusal('dtype', `is “${type.slice(0, 20)}”, which is not possible at this place`)
  if (value.kind === 'merge') return { ...value, dtype }
  return { ...call.sum('a'), dtype }
}
