import type { OutputType } from '../../contract/document/project'
import { Refusal } from './foreign-recipe'

/** A number for every tensor: one for all, except in some blocks of the denoiser. */
export interface Factor {
  all: number
  /** By label: IN00 …, M00, OUT00 …, VAE. */
  blocks: Readonly<Record<string, number>>
}

/** A model that a recipe of sd-mecha names. */
export interface MechaModel {
  place: string
  /** sd-mecha's name of the form in which it lies. */
  config: string | null
  /** LoRA and the like: what it changes, of whatever base. */
  isAdapter: boolean
}

/** Σ factor · model: what sums, differences and multiples of models are. An adapter counts as its change alone. */
export interface Sum {
  kind: 'sum'
  parts: ReadonlyMap<MechaModel, Factor>
  /** The model that it begins with, which gives what is not merged. */
  lead: MechaModel
  /** How it was written, which decides what the merge is called. */
  written: 'model' | 'average' | 'shares' | 'differences'
  /** In which it is to be written, where the recipe says so. */
  dtype?: OutputType
}

/** How far factors of one model may be off what they stand for: they are products of decimal numbers. */
const ROUNDING = 1e-9

export function constant(value: number): Factor {
  return { all: value, blocks: {} }
}

/** A model taken as it is. */
export const ONE = constant(1)

/** @returns null where it is not the same for all blocks */
export function constantOf({ all, blocks }: Factor): number | null {
  return Object.values(blocks).every((value) => value === all) ? all : null
}

/** A factor from those of two, block by block; blocks that are as all others are left out. */
export function combined(a: Factor, b: Factor, combine: (a: number, b: number) => number): Factor {
  const all = combine(a.all, b.all)
  const labels = new Set([...Object.keys(a.blocks), ...Object.keys(b.blocks)])
  const blocks = [...labels].map(
    (label) => [label, combine(a.blocks[label] ?? a.all, b.blocks[label] ?? b.all)] as const,
  )
  return { all, blocks: Object.fromEntries(blocks.filter(([, value]) => value !== all)) }
}

export function times(a: Factor, b: Factor): Factor {
  return combined(a, b, (one, other) => one * other)
}

export function isEverywhere({ all, blocks }: Factor, test: (value: number) => boolean): boolean {
  return test(all) && Object.values(blocks).every(test)
}

export function isAbout(factor: Factor, value: number): boolean {
  return isEverywhere(factor, (own) => Math.abs(own - value) <= ROUNDING)
}

/** factorA · a + factorB · b. */
export function addedUp(a: Sum, factorA: Factor, b: Sum, factorB: Factor, written: Sum['written']): Sum {
  const parts = new Map<MechaModel, Factor>()
  for (const [sum, factor] of [
    [a, factorA],
    [b, factorB],
  ] as const) {
    for (const [model, own] of sum.parts) {
      const part = times(own, factor)
      const before = parts.get(model)
      parts.set(model, before ? combined(before, part, (one, other) => one + other) : part)
    }
  }
  return { kind: 'sum', parts, lead: a.lead, written }
}

/** The parts that count. */
export function partsOf({ parts }: Sum): [MechaModel, Factor][] {
  return [...parts].filter(([, factor]) => !isAbout(factor, 0))
}

/** The only model of a sum, taken as it is; null for any other sum. */
export function singleModel(sum: Sum): MechaModel | null {
  const [first, ...others] = partsOf(sum)
  return first && others.length === 0 && !first[0].isAdapter && isAbout(first[1], 1) ? first[0] : null
}

/**
 * A change factor · (model − base), or that of an adapter.
 * @param base of which it has to be
 * @throws Refusal where it is something else
 */
export function changeOf(sum: Sum, base: MechaModel, method: string): { model: MechaModel; factor: Factor } {
  const parts = partsOf(sum)
  const own = parts.filter(([model]) => model !== base)
  const [change, ...others] = own
  const ofBase = sum.parts.get(base) ?? constant(0)
  const isWhole =
    change &&
    others.length === 0 &&
    isAbout(
      combined(change[1], ofBase, (a, b) => (change[0].isAdapter ? b : a + b)),
      0,
    )
  if (isWhole) return { model: change[0], factor: change[1] }
  throw new Refusal(
    `“${method}” takes something else than the changes of one model each from the model to which they are added`,
    'Merge its inputs to files first, and add these as models.',
  )
}

/** Whether the factors of all models add up to 1, so that it is a model and no difference. */
export function isModel({ parts }: Sum): boolean {
  const own = [...parts].filter(([model]) => !model.isAdapter).map(([, factor]) => factor)
  return isAbout(
    own.reduce((total, factor) => combined(total, factor, (a, b) => a + b), constant(0)),
    1,
  )
}
