import { FusionError } from '../../../contract/errors'
import { matchesPattern } from '../../../contract/document/blocks/layer-patterns'
import type { MethodSettings } from '../../../contract/document/project'
import type { Checkpoint, ComponentName } from '../../checkpoint/model/checkpoint'
import { isMergeable } from '../../checkpoint/mergeable'
import { tensorNames } from '../../checkpoint/tensor-names'
import { elementCount } from '../../tensor/element-type'
import { PLAIN_LAYER, type LayerKind } from '../fusion/layer-rows'
import { methodNamed } from '../methods/index'

const WEIGHT = /(^|\.)weight$/
/** Tables whose rows are looked up, not fed (method.md, 'What is not a matrix'). */
const EMBEDDING = /(^|[._])(embedding|embeddings|embed|embed_tokens|wte|wpe|shared)\.weight$/

/** Projections of attention in one weight: matrix methods see queries, keys and values as three matrices. */
const FUSED = /(^|\.)in_proj_weight$|(^|[._W])qkv\.weight$/
const FUSED_PARTS = 3

/** A linear layer or convolution of a component. */
export interface Layer {
  /** Canonical name of its weight. */
  weight: string
  /** Canonical name of its bias, or null. */
  bias: string | null
  shape: readonly number[]
  kind: LayerKind
}

/**
 * The layers of a component whose weights are matrices, in the order of the file: linear layers and convolutions, not
 * norms, embedding tables and scalars (method.md, 'What is not a matrix').
 * @throws FusionError 'validation' for a number of groups that does not divide a layer's outputs
 */
export function layersOf(checkpoint: Checkpoint, component: ComponentName, settings: MethodSettings): Layer[] {
  const { tensors } = checkpoint.components.get(component)!
  const names = tensorNames(checkpoint, component)
  const splits = methodNamed(settings.name).kind === 'matrix'
  return [...tensors.values()].flatMap((view): Layer[] => {
    const { name, shape } = view
    const isFused = splits && FUSED.test(name) && shape.length === 2 && shape[0]! % FUSED_PARTS === 0
    const isMatrix = (WEIGHT.test(name) || isFused) && shape.length >= 2 && elementCount(shape) > 0
    if (!isMatrix || EMBEDDING.test(name) || !isMergeable(view)) return []
    const { transposedConvolution, groups } =
      settings.layerKinds.findLast(({ pattern }) => matchesPattern(pattern, names.get(name)!)) ??
      (isFused ? { ...PLAIN_LAYER, groups: FUSED_PARTS } : PLAIN_LAYER)
    const outputs = shape[transposedConvolution ? 1 : 0]!
    if (outputs % groups !== 0) {
      throw new FusionError(
        'validation',
        `${name} has ${outputs} outputs, which are not divisible by ${groups} groups.`,
      )
    }
    const biasName = name.replace(/weight$/, 'bias')
    const bias = tensors.get(biasName)
    const isBias = bias !== undefined && isMergeable(bias) && bias.shape.length === 1 && bias.shape[0] === outputs
    return [{ weight: name, bias: isBias ? biasName : null, shape, kind: { transposedConvolution, groups } }]
  })
}
