import type { MethodName, MethodSettings } from '../../../contract/project'
import type { LinearCombination } from '../../tensor/weighted-sum'

/** The deltas and base of one block of a tensor, as a method sees them. */
export interface ElementBlock {
  /** Number of elements. */
  count: number
  base: Float32Array
  /** Specialists' weights, without the base. */
  others: readonly Float32Array[]
}

/** A merge of one tensor that is no linear combination: scans over all blocks in order, then one writing pass. */
export interface ElementwiseMerge {
  /** Passes that only look, before `apply`; each sees every block once, in order. */
  scans: readonly ((block: ElementBlock) => void)[]
  /** Writes the merged elements of a block, all of `into`; sees every block once, in order. */
  apply(block: ElementBlock, into: Float64Array): void
}

/** What an elementwise method knows of the tensor at hand. */
export interface ElementwiseContext {
  /** Name in diffusers' form: with the seed and the model it decides what is drawn at random. */
  tensor: string
  count: number
  /** Weights of the specialists for this tensor, without the base. */
  weights: readonly number[]
  settings: MethodSettings
}

interface MethodDescription {
  name: MethodName
  /** For people. */
  title: string
  /** What it does, in one sentence. */
  summary: string
  /** Whether the base has a weight of its own. */
  baseTakesPart: boolean
  /** Number of specialists that it takes. */
  specialists: { least: number; most: number }
  /** Which model gives everything that is not merged: the base (0) where nothing else is said. */
  primary?: 0 | 1
  /** Which settings it reads. */
  uses: readonly (keyof MethodSettings)[]
}

/** Every tensor is a linear combination of the models' (weights: base first). */
export interface LinearMethod extends MethodDescription {
  kind: 'linear'
  combine(weights: readonly number[], settings: MethodSettings): LinearCombination
}

/** Every element is merged by itself, after what scans of its tensor found. */
export interface ElementwiseMethod extends MethodDescription {
  kind: 'elementwise'
  start(context: ElementwiseContext): ElementwiseMerge
}

/** Matrices are merged by correlations of their rows; all other tensors by the weighted mean. */
export interface FusionMethod extends MethodDescription {
  kind: 'fusion'
}

/** Matrices are fitted to the models' features on real inputs; all other tensors are the weighted mean. */
export interface RegressionMethod extends MethodDescription {
  kind: 'regression'
}

export type MergeMethod = LinearMethod | ElementwiseMethod | FusionMethod | RegressionMethod
