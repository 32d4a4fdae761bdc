import { parse } from 'yaml'
import { asObject, isObject, type JsonObject } from '../../contract/values/json-text'
import { isWeightsName } from '../../contract/document/names/model-names'
import { OPEN_RESULT_HINT, Refusal } from './foreign-recipe'

/** A configuration has two kilobytes; a text of this length may nest so deeply that reading it takes seconds. */
const MOST_CHARACTERS = 100_000
/** Names for values that stand several times; more only multiply a text until no memory holds it. */
const MOST_ALIASES = 50
const MALFORMED_HINT = 'Correct the file, as mergekit needs it, too.'

/** What a configuration of mergekit may say that does not exist here, and what to do. */
const WITHOUT_LIKE: Readonly<Record<string, string>> = {
  slices: 'List whole models under “models”: layers are weighed in Tune.',
  modules: 'List whole models under “models”.',
  tokenizer_source: 'Leave it out: tokenizers stay those of the base.',
  tokenizer: 'Leave it out: tokenizers stay those of the base.',
  chat_template: 'Leave it out: it says nothing of weights.',
}
const KEYS = ['merge_method', 'base_model', 'models', 'parameters', 'dtype', 'out_dtype', 'name']
const YES = ['true', 'yes', 'on', 'y', 't', '1']
const NO = ['false', 'no', 'off', 'n', 'f', '0']

/** A model of a configuration. */
export interface MergekitModel {
  place: string
  parameters: JsonObject
}

/** A configuration of mergekit, whose parameters are found as mergekit finds them: a model's own before those of all. */
export class MergekitConfig {
  readonly method: string
  readonly base: MergekitModel | null
  /** As they are listed; the base may be among them. */
  private readonly listed: readonly MergekitModel[]
  private readonly parameters: JsonObject

  /** @throws Refusal */
  constructor(private readonly config: JsonObject) {
    for (const [key, value] of Object.entries(config)) {
      if (value === null || KEYS.includes(key)) continue
      const hint = Object.hasOwn(WITHOUT_LIKE, key) ? WITHOUT_LIKE[key]! : 'Leave it out, or correct the file.'
      throw new Refusal(`“${key.slice(0, 80)}” does not exist here`, hint)
    }
    this.method = String(config['merge_method'])
    this.parameters = parametersIn(config)
    if (!Array.isArray(config['models']) || config['models'].length === 0) throw malformed('it lists no models')
    this.listed = config['models'].map(modelOf)
    const base = config['base_model']
    const place = base === undefined || base === null ? null : placeOf(base)
    this.base =
      place === null ? null : (this.listed.find((model) => model.place === place) ?? { place, parameters: {} })
    if (new Set(this.listed.map((model) => model.place)).size < this.listed.length) {
      throw malformed('it lists a model twice')
    }
  }

  /** All models that mergekit reads, the base first where there is one. */
  get inputs(): readonly MergekitModel[] {
    return this.base ? [this.base, ...this.specialists] : this.listed
  }

  /** Those that are merged into the base. */
  get specialists(): readonly MergekitModel[] {
    return this.listed.filter((model) => model !== this.base)
  }

  /** @throws Refusal where there is none */
  get requiredBase(): MergekitModel {
    if (this.base) return this.base
    throw new Refusal(`“${this.method}” has no “base_model”`, MALFORMED_HINT)
  }

  /** mergekit's type of the output. */
  get type(): string | null {
    const type = this.config['out_dtype'] ?? this.config['dtype']
    return typeof type === 'string' ? type.replace(/^torch\./, '') : null
  }

  /** @param preset mergekit's own; undefined: there is none, and the value must be given */
  number(key: string, preset?: number, model?: MergekitModel): number {
    const value = this.setting(key, model)
    if (value === undefined && preset !== undefined) return preset
    if (value === undefined) {
      throw new Refusal(`“${key}”${model ? ` of ${model.place}` : ''} is missing`, MALFORMED_HINT)
    }
    const number = typeof value === 'boolean' ? Number(value) : typeof value === 'string' ? numberIn(value) : value
    if (typeof number !== 'number' || !Number.isFinite(number)) throw malformed(`“${key}” is no number`)
    return number
  }

  /** Of each of some models, which have to say it. */
  weights(models: readonly MergekitModel[]): number[] {
    return models.map((model) => this.number('weight', undefined, model))
  }

  /** A number that models have each, and that is one for all here. @throws Refusal where they differ */
  same(key: string, preset: number): number {
    const [first = preset, ...others] = this.specialists.map((model) => this.number(key, preset, model))
    if (others.every((other) => other === first)) return first
    throw new Refusal(
      `“${key}” differs between models, and here it is one for all (${[first, ...others].join(', ')})`,
      'Give all models the same value.',
    )
  }

  flag(key: string, preset: boolean): boolean {
    const value = this.setting(key)
    if (value === undefined) return preset
    if (typeof value === 'boolean') return value
    const text = String(value).toLowerCase()
    if (YES.includes(text)) return true
    if (NO.includes(text)) return false
    throw malformed(`“${key}” is neither true nor false`)
  }

  private setting(key: string, model?: MergekitModel): Scalar | undefined {
    for (const parameters of [model?.parameters, this.parameters]) {
      const value = parameters && Object.hasOwn(parameters, key) ? scalarOf(parameters[key], key) : undefined
      if (value !== undefined) return value
    }
    return undefined
  }
}

/** The configuration in a text; null where it is none. @throws Refusal */
export function parseMergekitConfig(text: string): MergekitConfig | null {
  if (text.length > MOST_CHARACTERS) return null
  let value: unknown
  try {
    // PyYAML reads YAML 1.1: `normalize: yes` is true there.
    value = parse(text, { version: '1.1', maxAliasCount: MOST_ALIASES, logLevel: 'error' }) as unknown
  } catch (cause) {
    if (!/^merge_method\s*:/m.test(text)) return null
    const [what] = (cause instanceof Error ? cause.message : String(cause)).split('\n')
    throw malformed(`it is not valid YAML (${what!.slice(0, 200)})`)
  }
  const config = asObject(value)
  return typeof config?.['merge_method'] === 'string' ? new MergekitConfig(config) : null
}

function modelOf(value: unknown): MergekitModel {
  const model = asObject(value)
  if (!model) throw malformed('a model is no mapping with “model”')
  return { place: placeOf(model['model']), parameters: parametersIn(model) }
}

/** A path or a repository's name; mergekit writes `+LORA` and `@REVISION` behind it, too. */
function placeOf(value: unknown): string {
  const reference = isObject(value) ? onlyOf(value, 'model') : value
  const place = isObject(reference) ? onlyOf(reference, 'path') : reference
  if (typeof place !== 'string' || place === '') throw malformed('a model has no name')
  if (isWeightsName(place)) return place
  if (place.includes('+')) {
    throw new Refusal(`${place} is a model with a LoRA`, 'Add the LoRA as a model of the project instead.')
  }
  if (place.includes('@')) {
    throw new Refusal(`${place} is one revision of a repository`, 'Name the folder that holds it.')
  }
  return place
}

/** The value of a mapping that says nothing else. */
function onlyOf(mapping: JsonObject, key: string): unknown {
  const other = Object.entries(mapping).find(([own, value]) => own !== key && value !== null)
  if (other) throw new Refusal(`“${other[0].slice(0, 80)}” of a model does not exist here`, OPEN_RESULT_HINT)
  return mapping[key]
}

function parametersIn(holder: JsonObject): JsonObject {
  const parameters = holder['parameters'] ?? {}
  if (isObject(parameters)) return parameters
  throw malformed('“parameters” is no mapping')
}

type Scalar = string | number | boolean

/** One value for all tensors, as mergekit evaluates a setting. @throws Refusal for one that differs between them */
function scalarOf(setting: unknown, key: string): Scalar | undefined {
  const first: unknown = Array.isArray(setting) ? setting[0] : setting
  if (!isObject(first)) return withoutGradient(setting, key)
  const { filter, value } = first
  if (filter === undefined || filter === null || filter === '*') return withoutGradient(value, key)
  const words = typeof filter === 'string' ? ` (“${filter.slice(0, 80)}”)` : ''
  throw new Refusal(`“${key}” has a filter${words}`, 'Give such layers their weights in Tune.')
}

function withoutGradient(value: unknown, key: string): Scalar | undefined {
  const [first, ...others] = Array.isArray(value) ? (value as unknown[]) : [value]
  if (others.some((other) => other !== first)) {
    throw new Refusal(
      `“${key}” is a gradient over the layers (a list)`,
      'Give one value; blocks and layers are weighed in Tune.',
    )
  }
  return typeof first === 'number' || typeof first === 'string' || typeof first === 'boolean' ? first : undefined
}

function numberIn(text: string): number {
  return text.trim() === '' ? NaN : Number(text)
}

function malformed(what: string): Refusal {
  return new Refusal(what, MALFORMED_HINT, 'malformed')
}
