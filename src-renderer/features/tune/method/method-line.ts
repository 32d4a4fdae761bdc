import { keyInWords, type Parameter } from '../../../../src-main/contract/methods/descriptor'
import { describedMethod } from '../../../../src-main/contract/methods/index'
import { gainsInWords } from '../../../../src-main/contract/methods/words'
import { activeParameters, choiceOf, parameterValue } from '../../../../src-main/contract/methods/settings'
import type { MethodSettings, Project } from '../../../../src-main/contract/document/project'
import { figure } from '../../../../src-main/contract/values/figures'
import { DENOISER_COMPONENTS } from '../../../../src-main/contract/values/denoisers'
import { fileName, listOf } from '../../../shared/format'
import { componentWords } from '../../models/model-words'

/** What a merge is made with beside its weights, in one line: 'exact · aligned · threshold auto'. */
export function methodLine({ method, output }: Pick<Project, 'method' | 'output'>): string {
  const parameters = activeParameters(describedMethod(method.name), method)
  return [
    ...parameters.map((parameter) => parameterWords(parameter, method)),
    ...(method.align ? ['specialists aligned'] : []),
    ...(method.gains.length > 0 ? [gainsInWords(method.gains)] : []),
    ...partsWords(output),
  ].join(' · ')
}

function parameterWords(parameter: Parameter, settings: MethodSettings): string {
  const choice = choiceOf(parameter, settings)
  if (choice) return choice.label ?? choice.value
  const value = parameterValue(parameter, settings)
  return `${keyInWords(parameter.key)} ${typeof value === 'number' ? figure(value, 6) : value}`
}

/** What is merged, or taken from elsewhere, beside the network. */
function partsWords({ include, vae }: Project['output']): string[] {
  const denoisers: readonly string[] = DENOISER_COMPONENTS
  const others = include.filter((name) => !denoisers.includes(name))
  return [
    ...(others.length > 0 ? [`with ${listOf(others.map(componentWords))}`] : []),
    ...(include.length === others.length ? ['network of the base'] : []),
    ...(vae === undefined ? [] : [`VAE ${fileName(vae)}`]),
  ]
}
