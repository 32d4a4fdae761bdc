import { MOST_MODELS } from '../../contract/values/limits'
import { asProjectRecipe } from './checked-recipe'
import {
  nameOfPlace,
  OPEN_RESULT_HINT,
  readAsRecipe,
  Refusal,
  tooManyModels,
  type ForeignRecipe,
} from './foreign-recipe'
import { Call, type Merge, type Value } from './mecha-calls'
import { literalOf } from './mecha-literals'
import { mechaMethod } from './mecha-methods'
import {
  combined,
  constant,
  isAbout,
  isModel,
  ONE,
  partsOf,
  type Factor,
  type MechaModel,
  type Sum,
} from './mecha-sums'
import { malformed, parseMechaText, type MechaArgument, type MechaCommand } from './mecha-text'

/** A megabyte has thousands of steps. */
const MOST_CHARACTERS = 4_000_000
/** Parts that models in sd-mecha's forms have. */
const PARTS: Readonly<Record<string, ForeignRecipe['parts']>> = {
  'sd1-ldm': ['unet', 'text_encoder', 'vae'],
  'sdxl-sgm': ['unet', 'text_encoder', 'text_encoder_2', 'vae'],
  'sdxl-diffusers_unet_only': ['unet'],
}

/**
 * A recipe of sd-mecha, from the metadata of a file that it merged or from a text (*.mecha). Sums, differences and
 * multiples of models, in any order and by block, become one merge; of other methods one that ends the recipe.
 * @throws FusionError 'unsupported', with the name of the step that does not exist here; 'malformed'
 */
export function readMechaRecipe(path: string, text: string): ForeignRecipe {
  return readAsRecipe(path, 'sd-mecha', () => {
    if (text.length > MOST_CHARACTERS) throw malformed(1, 'it is too long')
    const { models, method, dtype } = mergeOf(evaluated(parseMechaText(text)))
    const config = models[0]!.model.config ?? ''
    return asProjectRecipe({
      method,
      models: models.map(({ model, factor }) => ({
        name: nameOfPlace(model.place),
        sha256: null,
        place: model.place,
        weight: tidy(factor.all),
        blocks: Object.fromEntries(Object.entries(factor.blocks).map(([label, value]) => [label, tidy(value)])),
      })),
      dtype: dtype ?? 'same',
      parts: Object.hasOwn(PARTS, config) ? PARTS[config]! : null,
    })
  })
}

/** Products of decimal numbers without what rounding adds to them: 0.35 for 0.7 · 0.5 = 0.35000000000000003. */
function tidy(value: number): number {
  return Number(value.toPrecision(12))
}

/** What the last line gives; each line that it needs is computed once, in their order. */
function evaluated(commands: readonly MechaCommand[]): Value {
  const needed = neededLines(commands)
  const values = new Map<number, Value>()
  const models = new Map<string, MechaModel>()
  for (const [index, command] of commands.entries()) {
    if (!needed.has(index)) continue
    const read = (argument: MechaArgument): Value => valueOf(argument, values)
    if (command.command === 'dict') continue
    if (command.command === 'model') values.set(index, modelOf(command, models))
    else if (command.command === 'merge') values.set(index, result(command, index === commands.length - 1, read))
    else values.set(index, literalOf(command, commands))
  }
  return values.get(commands.length - 1) ?? untold()
}

/** The lines on which the last one depends. References go backwards only, so one pass from the end finds them. */
function neededLines(commands: readonly MechaCommand[]): ReadonlySet<number> {
  const needed = new Set([commands.length - 1])
  for (let index = commands.length - 1; index >= 0; index--) {
    if (!needed.has(index)) continue
    const { positional, named } = commands[index]!
    for (const argument of [...positional, ...named.values()]) {
      if (argument.kind === 'reference') needed.add(argument.to)
    }
  }
  return needed
}

function valueOf(argument: MechaArgument, values: ReadonlyMap<number, Value>): Value {
  switch (argument.kind) {
    case 'number':
      return { kind: 'number', factor: constant(argument.value) }
    case 'reference':
      return values.get(argument.to) ?? untold()
    default:
      return argument
  }
}

/** A dictionary that is no literal. */
function untold(): never {
  throw new Refusal('it has values without saying of what', 'Write it again with serialize(), which completes it.')
}

/** The same place in the same form is the same model. */
function modelOf({ positional, named, line }: MechaCommand, models: Map<string, MechaModel>): Sum {
  const [place] = positional
  const textOf = (key: string): string | null => {
    const value = named.get(key)
    return value?.kind === 'text' ? value.text : null
  }
  if (place?.kind !== 'text' || place.text === '') throw malformed(line, 'a model has no path')
  const config = textOf('model_config')
  const isAdapter = config?.endsWith('_lora') ?? false
  const space = textOf('merge_space') ?? 'weight'
  if (space !== 'weight' && !isAdapter) {
    throw new Refusal(`“${place.text}” holds no weights of a model (“${space}”)`, OPEN_RESULT_HINT)
  }
  const key = JSON.stringify([place.text, config])
  const model = models.get(key) ?? { place: place.text, config, isAdapter }
  models.set(key, model)
  if (models.size > MOST_MODELS) throw tooManyModels()
  return { kind: 'sum', parts: new Map([[model, ONE]]), lead: model, written: 'model' }
}

function result(
  { positional, named, line }: MechaCommand,
  isLast: boolean,
  read: (argument: MechaArgument) => Value,
): Value {
  const [name, ...values] = positional
  if (name?.kind !== 'text') throw malformed(line, 'a merge names no method')
  const method = mechaMethod(name.text)
  const given = new Map<string, Value>()
  const rest = method.takesMany ? values.map(read) : []
  for (const [index, argument] of method.takesMany ? [] : values.entries()) {
    const parameter = method.parameters[index]
    if (parameter === undefined) throw malformed(line, `“${name.text}” is given too much`)
    given.set(parameter, read(argument))
  }
  for (const [parameter, argument] of named) {
    if (!method.parameters.includes(parameter)) {
      throw new Refusal(`the parameter “${parameter}” of “${name.text}” is not known`, OPEN_RESULT_HINT)
    }
    given.set(parameter, read(argument))
  }
  return method.run(new Call(name.text, given, rest, isLast))
}

/** A merge without what only its steps are told by. */
type LastMerge = Pick<Merge, 'method' | 'models' | 'dtype'>

function mergeOf(value: Value): LastMerge {
  if (value.kind === 'merge') return value
  if (value.kind === 'sum' && isModel(value)) return mergeOfSum(value)
  throw new Refusal('it does not end in a model, but in a difference or a number', OPEN_RESULT_HINT)
}

function mergeOfSum(sum: Sum): LastMerge {
  const { lead, written, dtype } = sum
  const others = partsOf(sum).filter(([model]) => model !== lead)
  if (lead.isAdapter || others.length === 0)
    throw new Refusal('it takes one model as it is', 'Open that model instead.')
  const ofLead = { model: lead, factor: ONE }
  const ofOthers = others.map(([model, factor]) => ({ model, factor }))
  const typed = dtype && { dtype }
  const hasAdapters = others.some(([model]) => model.isAdapter)
  if (written === 'average') {
    const number = constant(ofOthers.length + 1)
    const inAll = (factor: Factor): Factor => combined(factor, number, (share, all) => share * all)
    const models = [ofLead.model, ...others.map(([model]) => model)]
    return {
      method: { name: 'soup' },
      models: models.map((model) => ({ model, factor: inAll(sum.parts.get(model)!) })),
      ...typed,
    }
  }
  if (ofOthers.length === 2 && !hasAdapters && isAbout(sum.parts.get(lead)!, 1)) {
    // A + α (B − C): the changes of B are from C, which is the base.
    const [added, base] = ofOthers[0]!.factor.all >= 0 ? ofOthers : [...ofOthers].reverse()
    const models = [{ ...base!, factor: ONE }, ofLead, added!]
    return { method: { name: 'add-difference' }, models, ...typed }
  }
  const name = written === 'differences' || hasAdapters ? 'task-arithmetic' : 'weighted-sum'
  return { method: { name }, models: [ofLead, ...ofOthers], ...typed }
}
