import { FusionError } from '../../contract/errors'

/** Tokens, channels and the like of the largest networks are a hundredth of it. */
const MOST_WIDTH = 10_000_000
/** Layers of one kind: the largest text encoders have under 100. */
export const MOST_LAYERS = 1000
/** Levels of a UNet or VAE have under 10. */
const MOST_LEVELS = 100
/** Pixels along an edge of what a network takes. */
export const MOST_EDGE = 8192

/** What diffusers' EMAModel adds to the config that it saves: it says how the weights were averaged, not what they are. */
const EMA_KEYS: ReadonlySet<string> = new Set([
  'decay',
  'ema_decay',
  'inv_gamma',
  'max_value',
  'min_decay',
  'min_value',
  'num_updates',
  'optimization_step',
  'power',
  'update_after_step',
  'use_ema_warmup',
])

/**
 * Reads a network's config.json with the library's defaults, and notices every key that nothing has read: a setting is
 * honoured or refused by name, never passed over.
 */
export class ConfigReader {
  readonly #config: Readonly<Record<string, unknown>>
  readonly #network: string
  readonly #read = new Set<string>()

  /** @param network what messages call the network: `UNet2DConditionModel` */
  constructor(config: Readonly<Record<string, unknown>>, network: string) {
    this.#config = config
    this.#network = network
  }

  /** A whole number from `minimum` to `maximum`. */
  integer(key: string, fallback: number, minimum = 1, maximum = MOST_WIDTH): number {
    const value = this.#value(key, fallback)
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < minimum || value > maximum)
      throw this.#malformed(key, value, `a whole number from ${minimum} to ${maximum}`)
    return value
  }

  number(key: string, fallback: number): number {
    const value = this.#value(key, fallback)
    if (typeof value !== 'number' || !Number.isFinite(value)) throw this.#malformed(key, value, 'a number')
    return value
  }

  /** Null is false, as it is in Python. */
  boolean(key: string, fallback: boolean): boolean {
    const value = this.#value(key, fallback) ?? false
    if (typeof value !== 'boolean') throw this.#malformed(key, value, 'true or false')
    return value
  }

  /** One of `choices`; any other value is refused as not supported. */
  choice<const T extends string | number | boolean | null>(key: string, fallback: T, choices: readonly T[]): T {
    const value = this.#value(key, fallback)
    const found = choices.find((choice) => choice === value)
    if (found === undefined) throw this.#unsupported(key, value)
    return found
  }

  /** Null where the config says null or nothing. */
  optionalInteger(key: string): number | null {
    return this.#value(key, null) === null ? null : this.integer(key, 1)
  }

  /** `count` whole numbers up to `maximum`; one number stands for `count` equal ones. */
  integers(key: string, fallback: number | readonly number[], count?: number, maximum = MOST_WIDTH): number[] {
    const value = this.#value(key, fallback)
    const list: unknown[] = Array.isArray(value) ? value : Array.from({ length: count ?? 1 }, () => value)
    const whole = list.every(
      (item): item is number => typeof item === 'number' && Number.isSafeInteger(item) && item > 0 && item <= maximum,
    )
    if (!whole || list.length === 0 || list.length > MOST_LEVELS || (count !== undefined && list.length !== count))
      throw this.#malformed(key, value, count === undefined ? 'a list of whole numbers' : `${count} whole numbers`)
    return list
  }

  /** `count` numbers; null where the config says null or nothing. */
  optionalNumbers(key: string, count: number): number[] | null {
    const value = this.#value(key, null)
    if (value === null) return null
    const isNumbers = Array.isArray(value) && value.every((item): item is number => Number.isFinite(item))
    if (!isNumbers || value.length !== count) throw this.#malformed(key, value, `${count} numbers`)
    return value
  }

  /** A list of strings, each one of `choices`. */
  strings<T extends string>(key: string, fallback: readonly T[], choices: readonly T[]): T[] {
    const value = this.#value(key, fallback)
    if (!Array.isArray(value) || value.length === 0) throw this.#malformed(key, value, 'a list of names')
    return value.map((item) => {
      const found = choices.find((choice) => choice === item)
      if (found === undefined) throw this.#unsupported(key, item)
      return found
    })
  }

  /** Keys that change nothing here (training settings, sizes that are only defaults). */
  ignore(...keys: string[]): void {
    for (const key of keys) this.#read.add(key)
  }

  /** Refuses every key that was not read, unless it is empty, private (`_class_name`) or of a training's average. */
  finish(): void {
    for (const [key, value] of Object.entries(this.#config))
      if (!this.#read.has(key) && !key.startsWith('_') && !EMA_KEYS.has(key) && value !== null && value !== false)
        throw this.#unsupported(key, value)
  }

  /** @returns the error for settings that contradict each other or the weights */
  contradiction(message: string): FusionError {
    return new FusionError('malformed', `The config of the ${this.#network} contradicts itself: ${message}.`, {
      hint: 'Check config.json against the model that it belongs to.',
    })
  }

  #value(key: string, fallback: unknown): unknown {
    this.#read.add(key)
    const value = this.#config[key]
    return value === undefined ? fallback : value
  }

  #malformed(key: string, value: unknown, expected: string): FusionError {
    return new FusionError(
      'malformed',
      `The config of the ${this.#network} has ${key} = ${JSON.stringify(value)?.slice(0, 100)} where ${expected} should be.`,
      { hint: 'Check config.json against the model that it belongs to.' },
    )
  }

  #unsupported(key: string, value: unknown): FusionError {
    return new FusionError(
      'unsupported',
      `The ${this.#network} has ${key} = ${JSON.stringify(value)?.slice(0, 100)}, which is not supported.`,
      { hint: 'Stable Diffusion 1.x, 2.x and SDXL base are supported, without extensions.' },
    )
  }
}
