import { OPEN_RESULT_HINT, Refusal } from './foreign-recipe'
import { constant, constantOf, type Factor, type MechaModel, type Sum } from './mecha-sums'
import type { MethodName, MethodSettings, OutputType } from '../../contract/document/project'

/** Numbers by block without one for all others. */
export interface Blocks {
  kind: 'blocks'
  blocks: Readonly<Record<string, number>>
  /** All labels that the literal's kind has. */
  labels: readonly string[]
}

/** A merge that is one of ours: what a recipe of sd-mecha ends in. */
export interface Merge {
  kind: 'merge'
  /** sd-mecha's name of its method. */
  by: string
  method: { name: MethodName } & Partial<MethodSettings>
  /** Base first. */
  models: readonly { model: MechaModel; factor: Factor }[]
  /** The model that gives what is not merged. */
  lead: MechaModel
  dtype?: OutputType
}

/** Changes that a method has made one; complete once they are added to a model. */
export interface Changes {
  kind: 'changes'
  by: string
  method: Merge['method']
  deltas: readonly Sum[]
  scale: Factor
}

/** train_difference_mask: what B's changes are multiplied by, entry by entry. */
export interface Mask {
  kind: 'mask'
  models: readonly (MechaModel | null)[]
  strength: Factor
}

/** What a line gives. */
export type Value =
  | { kind: 'number'; factor: Factor }
  | { kind: 'text'; text: string }
  | { kind: 'flag'; value: boolean }
  | { kind: 'nothing' }
  | Blocks
  | Sum
  | Merge
  | Changes
  | Mask

/** A call of one of sd-mecha's methods, with what it is given. */
export class Call {
  constructor(
    readonly method: string,
    private readonly given: ReadonlyMap<string, Value>,
    /** What is given to `*models`. */
    private readonly rest: readonly Value[],
    /** Whether its result is that of the recipe. */
    readonly isLast: boolean,
  ) {}

  /** @throws Refusal where it is not given */
  value(parameter: string): Value {
    const value = this.given.get(parameter)
    if (!value) throw new Refusal(`“${this.method}” is not given “${parameter}”`, OPEN_RESULT_HINT)
    return value
  }

  sum(parameter: string): Sum {
    return this.asSum(this.value(parameter))
  }

  sums(): Sum[] {
    if (this.rest.length === 0) throw new Refusal(`“${this.method}” is given no model`, OPEN_RESULT_HINT)
    return this.rest.map((value) => this.asSum(value))
  }

  /** What a method gives that says entry by entry how much; null for a number. */
  mask(parameter: string): Mask | null {
    const value = this.optional(parameter)
    return value?.kind === 'mask' ? value : null
  }

  factor(parameter: string, preset: number): Factor {
    const value = this.optional(parameter)
    if (!value) return constant(preset)
    if (value.kind === 'number') return value.factor
    throw this.refusal(parameter, 'is no number for the whole model or for each block')
  }

  number(parameter: string, preset: number): number {
    const value = constantOf(this.factor(parameter, preset))
    if (value === null) throw this.refusal(parameter, 'differs between blocks, which only weights can here')
    return value
  }

  flag(parameter: string, preset: boolean): boolean {
    const value = this.optional(parameter)
    if (!value) return preset
    if (value.kind === 'flag') return value.value
    throw this.refusal(parameter, 'is neither true nor false')
  }

  text(parameter: string): string | null {
    const value = this.optional(parameter)
    if (!value) return null
    if (value.kind === 'text') return value.text
    throw this.refusal(parameter, 'is no text')
  }

  /** A parameter that the program does not have, with the value that it stands for. */
  only(parameter: string, value: number): void {
    if (this.number(parameter, value) !== value) throw this.refusal(parameter, `has a value other than ${value}`)
  }

  refusal(parameter: string, because: string): Refusal {
    return new Refusal(`the parameter “${parameter}” of “${this.method}” ${because}`, OPEN_RESULT_HINT)
  }

  private optional(parameter: string): Value | undefined {
    const value = this.given.get(parameter)
    return value?.kind === 'nothing' ? undefined : value
  }

  private asSum(value: Value): Sum {
    if (value.kind === 'sum') return value
    const inner = value.kind === 'merge' || value.kind === 'changes' ? value.by : null
    throw inner === null
      ? new Refusal(`“${this.method}” is given something that is no model`, OPEN_RESULT_HINT)
      : new Refusal(
          `“${this.method}” merges again what “${inner}” made, and a project is one merge`,
          `Save the step “${inner}” as a project of its own: a project can be a model of another one.`,
        )
  }
}
