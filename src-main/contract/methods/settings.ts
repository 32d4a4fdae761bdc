import { z } from 'zod'
import { PARAMETERS, type AnyParameter } from './index'
import type { Choice, MethodDescriptor, Need, Parameter, ParameterValue } from './descriptor'

/** The values that a parameter can have. */
export type ValueOf<P> = P extends { kind: 'choice'; choices: readonly { value: infer Value }[] }
  ? Value
  : P extends { kind: 'automatic' }
    ? number | 'auto'
    : number

type SchemaOf<P> = P extends { kind: 'automatic' }
  ? z.ZodOptional<z.ZodType<ValueOf<P>, ValueOf<P>>>
  : z.ZodDefault<z.ZodType<ValueOf<P>, ValueOf<P>>>

/** Schemas of the parameters of all methods, by key. */
export const parameterSchemas = Object.fromEntries(
  PARAMETERS.map((parameter) => [parameter.key, schemaOf(parameter)]),
) as { [P in AnyParameter as P['key']]: SchemaOf<P> }

/** The value of every parameter, by key. */
export type ParameterSettings = { [P in AnyParameter as P['key']]: ValueOf<P> }

/** Settings as far as they are values of parameters. */
type Settings = Readonly<Record<string, unknown>>

function schemaOf(parameter: Parameter): z.ZodType {
  if (parameter.kind === 'choice') {
    return z.enum(parameter.choices.map(({ value }) => value)).default(parameter.default)
  }
  const { min, max, isAboveMin } = parameter.range
  const whole = parameter.kind === 'integer' ? z.number().int() : z.number()
  const number = (isAboveMin ? whole.gt(min) : whole.min(min)).max(max)
  return parameter.kind === 'automatic'
    ? z.union([z.literal('auto'), number]).optional()
    : number.default(parameter.default)
}

/** The value that holds: the one of the settings, or the default. */
export function parameterValue(parameter: Parameter, settings: Settings): ParameterValue {
  const value = settings[parameter.key] as ParameterValue | undefined
  if (value !== undefined) return value
  if (parameter.kind !== 'automatic') return parameter.default
  const { by, values } = parameter.default
  return values[String(settings[by])] ?? 'auto'
}

/**
 * A change of settings that leaves no number to a default that another setting moves: what was chosen by the program
 * stays so.
 */
export function withSafeDefaults<Change extends Settings>(
  { parameters }: Pick<MethodDescriptor, 'parameters'>,
  settings: Settings,
  change: Change,
): Change {
  const after = { ...settings, ...change }
  const moved = parameters.filter(
    (parameter) =>
      parameter.kind === 'automatic' &&
      after[parameter.key] === undefined &&
      parameterValue(parameter, settings) === 'auto' &&
      parameterValue(parameter, after) !== 'auto',
  )
  return { ...change, ...Object.fromEntries(moved.map(({ key }) => [key, 'auto'])) }
}

/** What of these settings ruins merges, why, and what to set instead. */
export function settingDangers(
  method: Pick<MethodDescriptor, 'parameters'>,
  settings: Settings,
): { key: string; words: string; instead: ParameterValue; action: string }[] {
  return activeParameters(method, settings).flatMap((parameter) => {
    if (parameter.kind !== 'automatic' || !parameter.danger) return []
    const { upTo, when, words } = parameter.danger
    const value = parameterValue(parameter, settings)
    if (value === 'auto' || Number(value) > upTo || settings[when.key] !== when.is) return []
    return [{ key: parameter.key, words, instead: 'auto', action: `${parameter.label}: automatic` }]
  })
}

/** The parameters of a method that count with these settings. */
export function activeParameters(
  { parameters }: Pick<MethodDescriptor, 'parameters'>,
  settings: Settings,
): Parameter[] {
  return parameters.filter(({ when }) => when === undefined || settings[when.key] === when.is)
}

/** The parameters of other methods, and those that do not count with these settings. */
export function unusedParameters(method: Pick<MethodDescriptor, 'parameters'>, settings: Settings): Parameter[] {
  const used = new Set(activeParameters(method, settings).map(({ key }) => key))
  return PARAMETERS.filter(({ key }) => !used.has(key))
}

/** What a method with these settings needs beside the models. */
export function needOf(method: Pick<MethodDescriptor, 'parameters' | 'needs'>, settings: Settings): Need | null {
  const needs = activeParameters(method, settings).map((parameter) => choiceOf(parameter, settings)?.needs)
  return [method.needs, ...needs].find(Boolean) ?? null
}

/** What a person should know who merges with calibration data by a method; null where it never takes them. */
export function columnsAdvice({ needs, parameters }: Pick<MethodDescriptor, 'parameters' | 'needs'>): string | null {
  const choices = parameters.flatMap((parameter) => (parameter.kind === 'choice' ? parameter.choices : []))
  return [needs, ...choices.map((choice) => choice.needs)].find(Boolean)?.advice ?? null
}

/** The choice that holds; undefined for numbers. */
export function choiceOf(parameter: Parameter, settings: Settings): Choice | undefined {
  if (parameter.kind !== 'choice') return undefined
  return parameter.choices.find(({ value }) => value === parameterValue(parameter, settings))
}
