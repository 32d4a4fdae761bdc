import { figure } from '../values/figures'
import { countOf } from '../values/format'
import type { MethodSettings } from '../document/project'
import { keyInWords, type Parameter } from './descriptor'
import { describedMethod } from './index'
import { activeParameters, choiceOf, parameterValue } from './settings'

/** A method with the settings that tell it from others: 'FeatureFusion, aligned', 'TIES, density 0.2, scale 1'. */
export function methodWords(settings: MethodSettings): string {
  const method = describedMethod(settings.name)
  const told = activeParameters(method, settings).filter((parameter) => isTold(parameter, settings))
  const words = told.map((parameter) => parameterWords(parameter, settings))
  const { align, gains } = settings
  const more = [...(align ? ['specialists aligned'] : []), ...(gains.length > 0 ? [gainsInWords(gains)] : [])]
  return [method.title, ...words, ...more].join(', ')
}

/** 'gains of 12 layers' */
export function gainsInWords(gains: MethodSettings['gains']): string {
  return `gains of ${countOf(gains.length, 'layer')}`
}

function isTold(parameter: Parameter, settings: Readonly<Record<string, unknown>>): boolean {
  if (parameter.isOfProject) return false
  const value = settings[parameter.key]
  return parameter.isAlwaysNamed === true || (value !== undefined && value !== parameter.default)
}

function parameterWords(parameter: Parameter, settings: MethodSettings): string {
  const value = parameterValue(parameter, settings)
  const choice = choiceOf(parameter, settings)
  if (choice && choice.label === undefined) return choice.value
  return `${keyInWords(parameter.key)} ${choice?.label ?? (typeof value === 'number' ? figure(value, 3) : value)}`
}
