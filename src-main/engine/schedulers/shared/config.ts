import { FusionError } from '../../../contract/errors'

/** A scheduler_config.json as it was parsed. */
export type SchedulerConfig = Readonly<Record<string, unknown>>

export type PredictionType = 'epsilon' | 'v_prediction' | 'sample'
export type TimestepSpacing = 'linspace' | 'leading' | 'trailing'

/** Parses the text of a scheduler_config.json; Python writes -Infinity into it (lambda_min_clipped), which JSON lacks. */
export function parseSchedulerConfig(text: string, path: string): SchedulerConfig {
  try {
    const parsed: unknown = JSON.parse(text.replace(/:\s*(-?Infinity|NaN)\s*([,}])/g, ': null$2'))
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed as SchedulerConfig
  } catch (cause) {
    throw new FusionError('malformed', `${path} is not JSON.`, { detail: String(cause), cause })
  }
  throw new FusionError('malformed', `${path} is not a scheduler's configuration.`)
}

/**
 * The class's own keys: given ones, else their defaults. Keys of other classes are left alone, as diffusers'
 * `from_config` does when one class takes another's file. A default of null takes a number, a list of numbers or null.
 * @throws FusionError 'malformed' naming the key whose value has the wrong type
 */
export function readConfig<T extends object>(className: string, defaults: T, given: SchedulerConfig): T {
  const entries = Object.entries(defaults).map(([key, standard]: [string, unknown]) => {
    const value = given[key]
    if (value === undefined || (value === null && standard !== null)) {
      return [key, value === null && typeof standard === 'boolean' ? false : standard]
    }
    if (!sameType(value, standard)) {
      throw new FusionError('malformed', `${className}: ${key} is ${JSON.stringify(value)}.`, {
        hint: `Correct ${key} in scheduler_config.json; its default is ${JSON.stringify(standard)}.`,
      })
    }
    return [key, value]
  })
  return Object.fromEntries(entries) as T
}

function sameType(value: unknown, standard: unknown): boolean {
  if (standard === null) return value === null || isFinite(value) || isNumberList(value)
  if (Array.isArray(standard)) return isNumberList(value)
  return typeof standard === 'number' ? isFinite(value) : typeof value === typeof standard
}

function isFinite(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value)
}

function isNumberList(value: unknown): boolean {
  return Array.isArray(value) && value.every(isFinite)
}

/** The refusal of a setting that is known and not supported. */
export function unsupported(className: string, key: string, value: unknown, choices: readonly string[]): FusionError {
  return new FusionError('unsupported', `${className} does not support ${key} = ${JSON.stringify(value)}.`, {
    hint: choices.length ? `Use ${choices.join(', ')}.` : `Leave ${key} out or choose another scheduler.`,
  })
}

/** `value` if it is one of `choices`. @throws FusionError 'unsupported' */
export function oneOf<T extends string>(className: string, key: string, value: string, choices: readonly T[]): T {
  const choice = choices.find((candidate) => candidate === value)
  if (choice === undefined) throw unsupported(className, key, value, choices)
  return choice
}
