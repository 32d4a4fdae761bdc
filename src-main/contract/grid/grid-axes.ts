import { blockLabel } from '../document/blocks/block-labels'
import { blockWords } from '../document/blocks/block-words'
import { withModel, type MethodSettings, type PreviewSettings, type Project } from '../document/project'
import { AXIS_KINDS, MOST_AXIS_VALUES, type AxisKind, type GridAxis } from './grid'
import { keyInWords } from '../methods/descriptor'
import { describedMethod, METHODS, type MethodName } from '../methods/index'
import { activeParameters, parameterSchemas } from '../methods/settings'
import { figure } from '../values/figures'
import { guidanceSchema, stepsSchema, weightSchema } from '../values/limits'
import { parseNumbers } from '../values/number-list'
import { parseSeeds, type Seed } from '../values/seed'
import { variantLabel, type Variant } from '../values/variant'

/** What a picture of a grid is made with. */
export interface CellState {
  /** With the weights and the method of the cell. */
  project: Project
  variant: Variant
  drawing: Pick<PreviewSettings, 'steps' | 'guidance' | 'scheduler'> & { prompt: string; seed: Seed }
}

/** A value of an axis: its label, and what it makes of a cell. */
export interface AxisValue {
  label: string
  apply(state: CellState): CellState
}

export type AxisValues = { values: AxisValue[] } | { problem: string }

/** What changes least in the order of drawing: another model or method costs a merge, a seed costs nothing. */
export function costOf(kind: AxisKind): number {
  return AXIS_KINDS.length - ORDER.indexOf(kind)
}

const ORDER: readonly AxisKind[] = [
  ...(['drawn-by', 'method', 'parameter', 'weight', 'block'] as const),
  ...(['scheduler', 'steps', 'guidance', 'prompt', 'seed'] as const),
]

/** The values of an axis of a project, or what is wrong with it as a sentence. */
export function axisValues(axis: GridAxis, project: Project): AxisValues {
  const found = READERS[axis.kind](axis, project)
  if ('problem' in found) return found
  if (found.values.length === 0) return { problem: 'Write at least one value.' }
  return found.values.length > MOST_AXIS_VALUES
    ? { problem: `An axis has at most ${MOST_AXIS_VALUES} values; these are ${found.values.length}.` }
    : found
}

const READERS: Readonly<Record<AxisKind, (axis: GridAxis, project: Project) => AxisValues>> = {
  weight({ of, values }, project) {
    const names = specialistsOf(of, project)
    if (!names) return noModel(of)
    return numbers(values, weightSchema, (weight) => ({
      label: `${of || 'all'} ${figure(weight, 3)}`,
      apply: (state) =>
        withProject(
          state,
          names.reduce((now, name) => withModel(now, name, { weight }), state.project),
        ),
    }))
  },
  block({ of, values }, project) {
    const slash = of.lastIndexOf('/')
    const names = specialistsOf(of.slice(0, Math.max(0, slash)), project)
    const block = blockLabel(of.slice(slash + 1))
    if (!names) return noModel(of)
    if (block === '') return { problem: 'Choose a block.' }
    return numbers(values, weightSchema, (weight) => ({
      label: `${of.slice(0, Math.max(0, slash)) || 'all'} ${blockWords(block)} ${figure(weight, 3)}`,
      apply: (state) =>
        withProject(
          state,
          names.reduce((now, name) => {
            const blocks = now.models.find((model) => model.name === name)!.blocks
            return withModel(now, name, { blocks: { ...blocks, [block]: weight } })
          }, state.project),
        ),
    }))
  },
  method({ values }) {
    return words(values, (word) => {
      const method = METHODS.find(({ name, title }) => [name, title.toLowerCase()].includes(word.toLowerCase()))
      if (!method) return `“${word}” is no method: ${METHODS.map(({ name }) => name).join(', ')}.`
      return methodValue(method.title, { name: method.name as MethodName })
    })
  },
  parameter({ of, values }, project) {
    const method = describedMethod(project.method.name)
    const parameter = activeParameters(method, project.method).find(({ key }) => key === of)
    if (!parameter) return { problem: `${method.title} has no parameter “${of}”.` }
    const valueOf = (value: number | string): AxisValue | string => {
      const parsed = parameterSchemas[of as keyof typeof parameterSchemas].safeParse(value)
      if (!parsed.success) return `${parameter.label} cannot be ${value}.`
      const label = `${keyInWords(of)} ${typeof value === 'number' ? figure(value, 3) : value}`
      return methodValue(label, { [of]: parsed.data })
    }
    if (parameter.kind === 'choice') return words(values, valueOf)
    if (parameter.kind === 'automatic' && /auto/i.test(values))
      return words(values, (word) => valueOf(word === 'auto' ? word : Number(word)))
    return numbers(values, null, valueOf)
  },
  'drawn-by'({ values }, project) {
    return words(values, (word) => {
      const variant = variantNamed(word, project)
      if (!variant) return `“${word}” is no model of this project.`
      return {
        label: variant.type === 'base' ? project.models[0]!.name : variantLabel(variant),
        apply: (state) => ({ ...state, variant }),
      }
    })
  },
  scheduler({ values }) {
    return words(values, (scheduler) => drawn(scheduler, { scheduler }))
  },
  steps({ values }) {
    return numbers(values, stepsSchema, (steps) => drawn(steps === 1 ? '1 step' : `${steps} steps`, { steps }))
  },
  guidance({ values }) {
    return numbers(values, guidanceSchema, (guidance) => drawn(`guidance ${figure(guidance, 3)}`, { guidance }))
  },
  prompt({ values }) {
    const prompts = values.split(/[|\n]/).map((text) => text.trim())
    return { values: prompts.filter(Boolean).map((prompt) => drawn(prompt, { prompt })) }
  },
  seed({ values }) {
    const { seeds, problem } = parseSeeds(values, MOST_AXIS_VALUES)
    return problem === null ? { values: seeds.map((seed) => drawn(`seed ${seed}`, { seed })) } : { problem }
  },
}

function numbers(
  text: string,
  schema: typeof weightSchema | null,
  valueOf: (value: number) => AxisValue | string,
): AxisValues {
  const list = parseNumbers(text, MOST_AXIS_VALUES)
  if ('problem' in list) return list
  const wrong = schema && list.values.find((value) => !schema.safeParse(value).success)
  if (wrong != null) return { problem: `${figure(wrong)} cannot be taken here.` }
  return collected(list.values.map(valueOf))
}

function words(text: string, valueOf: (word: string) => AxisValue | string): AxisValues {
  const parts = text.split(/[,\n]/).map((part) => part.trim())
  return collected(parts.filter(Boolean).map(valueOf))
}

function collected(values: (AxisValue | string)[]): AxisValues {
  const problem = values.find((value) => typeof value === 'string')
  return problem === undefined ? { values: values.filter((value) => typeof value !== 'string') } : { problem }
}

function drawn(label: string, change: Partial<CellState['drawing']>): AxisValue {
  return { label, apply: (state) => ({ ...state, drawing: { ...state.drawing, ...change } }) }
}

function methodValue(label: string, change: Partial<MethodSettings>): AxisValue {
  return {
    label,
    apply: (state) => withProject(state, { ...state.project, method: { ...state.project.method, ...change } }),
  }
}

function withProject(state: CellState, project: Project): CellState {
  return { ...state, project }
}

/** The models that a name means, '' for all specialists that take part. */
function specialistsOf(name: string, { models }: Project): string[] | null {
  if (name === '') return models.slice(1).flatMap((model) => (model.enabled ? [model.name] : []))
  return models.some((model) => model.name === name) ? [name] : null
}

function variantNamed(word: string, { models }: Project): Variant | null {
  const name = word.replace(/^with(out)? /, '')
  const index = models.findIndex((model) => model.name === name)
  if (word !== name) return index > 0 ? { type: word.startsWith('without ') ? 'without' : 'with', name } : null
  if (index >= 0) return index === 0 ? { type: 'base' } : { type: 'model', name }
  const others: Record<string, Variant> = {
    base: { type: 'base' },
    merge: { type: 'merge' },
    'this merge': { type: 'merge' },
    'plain average': { type: 'soup' },
  }
  return others[word] ?? null
}

function noModel(name: string): { problem: string } {
  return { problem: `The project has no model named “${name}”.` }
}
