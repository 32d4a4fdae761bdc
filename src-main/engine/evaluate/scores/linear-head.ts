import { FusionError } from '../../../contract/errors'
import { readFloats } from '../../checkpoint/containers/stored-values'
import { requiredShape } from '../../checkpoint/required-shape'
import type { TensorView } from '../../checkpoint/model/checkpoint'

/** The linear layers of a head; the others of its list drop values at random, in training only. */
const LAYERS = [0, 2, 4, 6, 7]

/** Linear layers without an activation between them, down to one number: an affine map. */
export interface LinearHead {
  /** Of what it takes. */
  width: number
  score(features: Float32Array): number
}

/** The tensors of the head whose names begin with `prefix`, in their order. */
export function headNames(prefix: string): string[] {
  return LAYERS.flatMap((layer) => ['weight', 'bias'].map((kind) => `${prefix}layers.${layer}.${kind}`))
}

/**
 * Checks a head's shapes.
 * @param path of its file, for messages
 * @param taken the width of what it takes, where that is known
 * @returns the width of what it takes
 * @throws FusionError 'malformed', naming tensor and file
 */
export function headWidth(
  path: string,
  tensors: ReadonlyMap<string, TensorView>,
  prefix: string,
  taken: number | null = null,
): number {
  let first = 0
  let inputs = taken
  for (const [index, layer] of LAYERS.entries()) {
    const isLast = index === LAYERS.length - 1
    const dims = [isLast ? 1 : null, inputs] as const
    const [outputs, width] = requiredShape({ path, tensors }, `${prefix}layers.${layer}.weight`, dims)
    requiredShape({ path, tensors }, `${prefix}layers.${layer}.bias`, [outputs])
    if (index === 0) first = width
    inputs = outputs
  }
  return first
}

/**
 * Reads a head as the one affine map that it is, computed in float64.
 * @throws FusionError 'malformed', 'not-finite', naming tensor and file
 */
export function readLinearHead(path: string, tensors: ReadonlyMap<string, TensorView>, prefix: string): LinearHead {
  const width = headWidth(path, tensors, prefix)
  let row = Float64Array.of(1)
  let constant = 0
  for (const layer of LAYERS.toReversed()) {
    const [weight, bias] = ['weight', 'bias'].map((kind) =>
      readFloats(tensors.get(`${prefix}layers.${layer}.${kind}`)!.stored),
    ) as [Float32Array, Float32Array]
    constant += row.reduce((sum, value, i) => sum + value * bias[i]!, 0)
    const inputs = weight.length / row.length
    const next = new Float64Array(inputs)
    row.forEach((value, i) => {
      for (let j = 0; j < inputs; j++) next[j]! += value * weight[i * inputs + j]!
    })
    row = next
  }
  return {
    width,
    score(features) {
      if (features.length !== width)
        throw new FusionError('internal', `A head of ${width} values was given ${features.length}.`)
      return row.reduce((sum, value, i) => sum + value * features[i]!, constant)
    },
  }
}
