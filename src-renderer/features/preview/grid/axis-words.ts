import type { AxisKind } from '../../../../src-main/contract/grid/grid'
import type { Project } from '../../../../src-main/contract/document/project'
import { describedMethod } from '../../../../src-main/contract/methods/index'
import { activeParameters } from '../../../../src-main/contract/methods/settings'
import type { Parameter } from '../../../../src-main/contract/methods/descriptor'
import { figure } from '../../../../src-main/contract/values/figures'

const NUMBERS = 'Numbers, 0..1 in 5, or random 0..1 in 5'

/** Every kind of axis: its title, and how its values are written. */
export const AXIS_WORDS: Readonly<Record<AxisKind, { title: string; hint: string }>> = {
  weight: { title: 'Weight', hint: NUMBERS },
  block: { title: 'Weight of a block', hint: NUMBERS },
  method: { title: 'Method', hint: 'Names of methods, with commas' },
  parameter: { title: 'Parameter of the method', hint: NUMBERS },
  'drawn-by': { title: 'Drawn by', hint: 'Names of models, merge, plain average, without a model' },
  scheduler: { title: 'Scheduler', hint: 'Names, with commas' },
  steps: { title: 'Steps', hint: 'Numbers, or 4..20 in 5' },
  guidance: { title: 'Guidance scale', hint: NUMBERS.replace(/0..1/g, '1..10') },
  prompt: { title: 'Prompt', hint: 'One per line' },
  seed: { title: 'Seed', hint: 'Numbers and ranges: 1, 5-8' },
}

/** The parameters that an axis can change. */
export function axisParameters({ method }: Project): Parameter[] {
  return activeParameters(describedMethod(method.name), method)
}

/** Values that an axis begins with. */
export function defaultValues(
  kind: AxisKind,
  of: string,
  project: Project,
  schedulers: readonly { name: string }[],
): string {
  switch (kind) {
    case 'weight':
    case 'block':
      return '0..1 in 5'
    case 'method':
      return [...new Set([project.method.name, 'soup', 'task-arithmetic', 'ties'])].join(', ')
    case 'parameter':
      return parameterValues(axisParameters(project).find(({ key }) => key === of))
    case 'drawn-by':
      return ['merge', ...project.models.map(({ name }) => name)].join(', ')
    case 'scheduler':
      return schedulers.map(({ name }) => name).join(', ')
    case 'steps':
      return '5, 10, 20, 40'
    case 'guidance':
      return '1, 4, 7.5, 12'
    case 'prompt':
      return project.preview.prompts.join('\n')
    case 'seed':
      return '1-5'
  }
}

function parameterValues(parameter: Parameter | undefined): string {
  if (!parameter) return ''
  if (parameter.kind === 'choice') return parameter.choices.map(({ value }) => value).join(', ')
  const { min, max } = parameter.offered ?? parameter.range
  const isWide = max - min > 1000
  return isWide ? figure(parameter.kind === 'automatic' ? parameter.fixed : parameter.default) : `${min}..${max} in 5`
}
