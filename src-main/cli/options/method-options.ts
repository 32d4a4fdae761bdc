import { Option, type Command } from 'commander'
import { keyInWords, type Parameter } from '../../contract/methods/descriptor'
import { METHOD_NAMES, METHODS, PARAMETERS, type MethodName } from '../../contract/methods/index'
import type { ParameterSettings } from '../../contract/methods/settings'
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

function parameterOption(parameter: Parameter): Option {
  const { key, help } = parameter
  const flag = `--${keyInWords(key).replaceAll(' ', '-')}`
  const users = METHODS.filter(({ parameters }) => parameters.some((used) => used.key === key))
  const words = `${help} (${users.map(({ title }) => title).join(', ')})`
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
