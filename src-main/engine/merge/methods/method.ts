import type { MethodDescriptor } from '../../../contract/methods/descriptor'
import type { MethodName } from '../../../contract/methods/index'
import type { MethodSettings } from '../../../contract/document/project'
import type { Kernels } from '../../tensor/kernels'
import type { LinearCombination } from '../../tensor/weighted-sum'
import type { RidgeOptions } from '../regression/column-system'
import type { MatrixCost, MatrixLayer, MatrixSize, MergedChange } from './matrices/matrix-layer'
import type { Products } from './vectors/products'

/** One block of a tensor, as a method sees it: views of the memory of the context's kernels. */
export interface ElementBlock {
  /** Number of elements. */
  count: number
  base: Float32Array
  /** The specialists' elements. */
  others: readonly Float32Array[]
}

/** A merge of one tensor that is no linear combination: scans over all blocks in order, then one writing pass. */
export interface ElementwiseMerge {
  /** Blocks consist of whole runs of so many elements; of any number where nothing is said. */
  runLength?: number
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
  shape: readonly number[]
  /** Weight of every model for this tensor, base first; what is added to the base has no use for the base's. */
  weights: readonly number[]
  settings: MethodSettings
  /** In whose memory blocks lie. Buffers that `start` takes are the merge's own until the tensor is done. */
  kernels: Kernels
}

/** What is known of a method as data; its arithmetic follows. */
type Described = MethodDescriptor & { name: MethodName }

/** Every tensor is a linear combination of the models' (weights: base first). */
export interface LinearMethod extends Described {
  kind: 'linear'
  combine(weights: readonly number[], settings: MethodSettings): LinearCombination
}

/** Every element is merged by itself, after what scans of its tensor found. */
export interface ElementwiseMethod extends Described {
  kind: 'elementwise'
  start(context: ElementwiseContext): ElementwiseMerge
}

/** Tensors, or their rows or columns, are vectors: a sum of the models' with coefficients that their products decide. */
export interface VectorMethod extends Described {
  kind: 'vector'
  /** What is one vector. */
  along(settings: MethodSettings): VectorAxis
  /**
   * The coefficients of the models, base first.
   * @param products of the vector in all models; where vectors are columns, `whole` are those of the whole tensor
   */
  combine(products: Products, context: VectorContext): readonly number[]
}

export type VectorAxis = 'tensor' | 'rows' | 'columns'

/** What a vector method knows beside the vector at hand. */
export interface VectorContext {
  /** Weight of every model for this tensor, base first. */
  weights: readonly number[]
  settings: MethodSettings
  whole: Products
}

/** Matrices are merged by correlations of their rows; all other tensors by the weighted mean. */
export interface FusionMethod extends Described {
  kind: 'fusion'
}

/** Matrices are fitted to the models' features on real inputs; all other tensors are the weighted mean. */
export interface RegressionMethod extends Described {
  kind: 'regression'
  /** @param weights of a layer's models, base first */
  problem(weights: readonly number[], settings: MethodSettings): RidgeOptions
}

/**
 * A denoiser's layers are fitted one after the other, in the order of the network, to what they really get behind those
 * that are fitted already; all other tensors are the weighted mean.
 */
export interface SequentialMethod extends Described {
  kind: 'sequential'
  /** What is asked for: a model's features on what the merged network gives the layer, or on the model's own inputs. */
  features: 'merged' | 'own'
  /** @param weights of a layer's models, base first */
  problem(weights: readonly number[], settings: MethodSettings): RidgeOptions & { gram: { offDiagonals: number } }
}

/** Layers are merged as matrices of changes, by their singular vectors or by least squares. */
export interface MatrixMethod extends Described {
  kind: 'matrix'
  /** What becomes of tensors that are no matrices, biases of layers among them (weights: base first). */
  combine(weights: readonly number[], settings: MethodSettings): LinearCombination
  /** @throws FusionError 'cancelled', and 'validation' for settings that this layer cannot have */
  merge(layer: MatrixLayer): Promise<MergedChange>
  cost(size: MatrixSize): MatrixCost
}

export type MergeMethod =
  LinearMethod | ElementwiseMethod | VectorMethod | FusionMethod | RegressionMethod | SequentialMethod | MatrixMethod

/** A method that passes over the blocks of a tensor. */
export type BlockMethod = ElementwiseMethod | VectorMethod

export function mergesBlocks(method: Pick<MergeMethod, 'kind'>): method is BlockMethod {
  return method.kind === 'elementwise' || method.kind === 'vector'
}

/** Whether a method merges layers as matrices, by ONNX Runtime, and other tensors by a linear combination. */
export function mergesLayers(
  method: Pick<MergeMethod, 'kind'>,
): method is FusionMethod | RegressionMethod | SequentialMethod | MatrixMethod {
  return ['fusion', 'regression', 'sequential', 'matrix'].includes(method.kind)
}
