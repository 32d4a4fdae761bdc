import { Option, type Command } from 'commander'
import { keyInWords, type Parameter } from '../../contract/methods/descriptor'
import type { MethodSettings } from '../../contract/document/project'
import { describedMethod, METHOD_NAMES, METHODS, PARAMETERS, type MethodName } from '../../contract/methods/index'
import { unusedParameters, type ParameterSettings } from '../../contract/methods/settings'
import { UsageError } from '../output/output'
import { number } from './option-values'

/** What options say about the method: commander names an option as the parameter's key. */
export interface MethodOptions extends Partial<ParameterSettings> {
  method?: MethodName
}

/** Adds the options that choose a method and its parameters. */
export function addMethodOptions(command: Command): void {
  command.addOption(new Option('--method <name>', 'how to merge').choices(METHOD_NAMES))
  for (const parameter of PARAMETERS) command.addOption(parameterOption(parameter))
}

/** The settings that options give. */
export function methodGiven(options: MethodOptions): Record<string, unknown> {
  const given: Record<string, unknown> = { name: options.method }
  for (const { key } of PARAMETERS) given[key] = options[key as keyof ParameterSettings]
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}

/**
 * Sees that every parameter that options give has an effect.
 * @param isMeasured whether the options are of a command that uses what belongs to the project (seeds) by itself
 * @throws UsageError that says to which methods, or to which choice, a parameter belongs
 */
export function checkMethodOptions(options: MethodOptions, settings: MethodSettings, isMeasured: boolean): void {
  const method = describedMethod(settings.name)
  for (const { key, isOfProject } of unusedParameters(method, settings)) {
    if (options[key as keyof ParameterSettings] === undefined || (isMeasured && isOfProject)) continue
    const when = method.parameters.find((parameter) => parameter.key === key)?.when
    throw new UsageError(
      when
        ? `${flagOf(key)} counts only with ${flagOf(when.key)} ${when.is}.`
        : `${method.title} does not use ${flagOf(key)}. Methods that do: ${titlesOfUsers(key)}.`,
    )
  }
}

function flagOf(key: string): string {
  return `--${keyInWords(key).replaceAll(' ', '-')}`
}

function titlesOfUsers(key: string): string {
  const users = METHODS.filter(({ parameters }) => parameters.some((parameter) => parameter.key === key))
  return users.map(({ title }) => title).join(', ')
}

function parameterOption(parameter: Parameter): Option {
  const { key, help } = parameter
  const flag = flagOf(key)
  const words = `${help} (${titlesOfUsers(key)})`
  switch (parameter.kind) {
    case 'choice':
      return new Option(`${flag} <kind>`, words).choices(parameter.choices.map(({ value }) => value))
    case 'automatic':
      return new Option(`${flag} <auto|number>`, words).argParser((text) => (text === 'auto' ? text : number(text)))
    case 'integer':
      return new Option(`${flag} <n>`, words).argParser(number)
    case 'number':
      return new Option(`${flag} <number>`, words).argParser(number)
  }
}
