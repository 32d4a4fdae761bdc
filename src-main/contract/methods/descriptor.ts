/**
 * How a method computes what it writes; the engine has one kind of arithmetic for each.
 * - linear: every tensor is a linear combination of the models' tensors.
 * - elementwise: every element of a tensor is merged by itself, with what passes over the tensor found.
 * - vector: tensors, or their rows or columns, are vectors, whose lengths and angles decide the coefficients of a sum.
 * - fusion: matrices are merged by the correlations of their rows, all other tensors are averaged.
 * - regression: matrices are fitted to features on real inputs, all other tensors are averaged.
 * - sequential: the same layer by layer in the order of the network, on what the layers merged before give each.
 * - matrix: what matrices have changed is merged by singular vectors or least squares; other changes are added up or averaged.
 */
export type MethodKind = 'linear' | 'elementwise' | 'vector' | 'fusion' | 'regression' | 'sequential' | 'matrix'

/**
 * What a change of weights costs: a sum of the models, a sum of contributions that are kept on disk, or the whole merge
 * again.
 */
export type Reweighting = 'models' | 'contributions' | 'merge'

const REWEIGHTING: Readonly<Record<MethodKind, Reweighting>> = {
  linear: 'models',
  elementwise: 'merge',
  vector: 'merge',
  fusion: 'contributions',
  regression: 'merge',
  sequential: 'merge',
  matrix: 'merge',
}

/** The groups in which people choose a method, in their order: title, and what its methods have in common. */
export const METHOD_FAMILIES = {
  features: { title: 'Features', summary: 'Looks at what layers compute, not only at their numbers.' },
  averages: { title: 'Averages', summary: 'Takes a mean of whole models.' },
  changes: { title: 'Added changes', summary: 'Adds what specialists learnt to a model.' },
  selection: { title: 'Selected changes', summary: 'Drops a part of what specialists learnt, and merges the rest.' },
  directions: {
    title: 'Directions of layers',
    summary: 'Sees what a layer has learnt as directions of a matrix, and keeps those of different specialists apart.',
  },
  spheres: { title: 'Arcs and spheres', summary: 'Turns directions and averages lengths, so that nothing shrinks.' },
} as const satisfies Record<string, { title: string; summary: string }>
export type MethodFamily = keyof typeof METHOD_FAMILIES

/** What a method's result is. */
export type MethodResult =
  /** An average of the models. The base is weighed as the others are, or has the rest that their weights leave of 1. */
  | { kind: 'average'; base: 'weighed' | 'rest' }
  /** Changes that are added to the base (0) or to the first specialist (1), which also gives all that is not merged. */
  | { kind: 'changes'; addedTo: 0 | 1 }

/** Calibration data (`featurefusion calibrate`): real inputs of every layer, or what the networks ran on. */
export interface Need {
  kind: 'columns' | 'runs'
  /** What a person should know who merges with them, as a sentence. */
  advice: string
}

/** A value of a parameter, as projects and recipes have it. */
export type ParameterValue = number | string

interface ParameterBase {
  /** In projects and recipes; with dashes on the command line: `baseWeight` is `--base-weight`. */
  key: string
  /** In the window. */
  label: string
  /** In the window, below the field: sentences. */
  hint: string
  /** On the command line: a phrase. */
  help: string
  /** The parameter counts only while another one has this value. */
  when?: { key: string; is: string }
  /** A method with settings is named in words by this parameter even where it has its default. */
  isAlwaysNamed?: true
  /** When methods are compared, this parameter has the project's value, not the one of the leaderboard. */
  isOfProject?: true
}

/** The numbers that are valid. */
export interface NumberRange {
  min: number
  max: number
  /** `min` itself is not valid. */
  isAboveMin?: true
}

interface NumericBase extends ParameterBase {
  range: NumberRange
  /** What the window's control spans, where that is less. */
  offered?: { min: number; max: number }
  step: number
}

export interface NumberParameter extends NumericBase {
  kind: 'number' | 'integer'
  default: number
  /** How the window shows it; a box for digits where nothing is said. */
  control?: 'slider'
}

/** A number that the program can also choose by itself: 'auto'. Projects may leave it out. */
export interface AutomaticParameter extends NumericBase {
  kind: 'automatic'
  /** What holds where it is left out, by the value of a choice. */
  default: { by: string; values: Readonly<Record<string, number | 'auto'>> }
  /** The number that the window begins with when a person turns 'auto' off. */
  fixed: number
  /** Numbers that ruin merges with another setting: up to `upTo` while `when` holds, and why, as sentences. */
  danger?: { upTo: number; when: { key: string; is: string }; words: string }
}

export interface Choice {
  value: string
  /** In the window; the value where nothing is said. */
  label?: string
  /** In the window, in place of the parameter's hint, while this is chosen. */
  hint?: string
  /** What this choice needs beside the models. */
  needs?: Need
}

export interface ChoiceParameter extends ParameterBase {
  kind: 'choice'
  default: string
  choices: readonly Choice[]
}

export type Parameter = NumberParameter | AutomaticParameter | ChoiceParameter

/** A row of the leaderboard: the method as its paper, or a program, uses it. */
export interface LeaderboardRow {
  name: string
  /** Values of the method's parameters where they are not the defaults. */
  settings?: Readonly<Record<string, ParameterValue>>
  /** Parameters whose value is divided by the number of specialists. */
  perSpecialist?: readonly string[]
  /** What the specialists' weights add up to, in equal parts; where nothing is said every weight is 1. */
  totalWeight?: number
}

/** Everything about a merge method but its arithmetic (engine/merge/methods), as data. */
export interface MethodDescriptor {
  /** In projects, recipes and on the command line. */
  name: string
  /** For people. */
  title: string
  /** What it does, in one sentence. */
  summary: string
  /** The paper that it follows, where there is one. */
  reference: { title: string; arxiv: string | null } | null
  family: MethodFamily
  kind: MethodKind
  result: MethodResult
  /** How many it takes. */
  specialists: { least: number; most: number }
  /** What it needs beside the models. */
  needs: Need | null
  /** In the order in which the window, the recipe and the command line have them. */
  parameters: readonly Parameter[]
  /** None: it is not compared. A row is left out where the method does not take as many specialists. */
  leaderboard: readonly LeaderboardRow[]
}

/** A parameter's key in words: `baseWeight` is 'base weight'. */
export function keyInWords(key: string): string {
  return key.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
}

export function reweightingOf({ kind }: Pick<MethodDescriptor, 'kind'>): Reweighting {
  return REWEIGHTING[kind]
}

/** Whether the base has a weight of its own. */
export function weighsBase({ result }: Pick<MethodDescriptor, 'result'>): boolean {
  return result.kind === 'average' && result.base === 'weighed'
}

/** The model that is taken whole, and that gives all that is not merged; 0: the base. */
export function primaryModel({ result }: Pick<MethodDescriptor, 'result'>): 0 | 1 {
  return result.kind === 'changes' ? result.addedTo : 0
}
