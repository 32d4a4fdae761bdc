import type { StoredTensor } from '../../../src-main/engine/checkpoint/containers/container'
import {
  permutedTensor,
  PermutedTensors,
} from '../../../src-main/engine/checkpoint/containers/derived/permuted-tensors'
import { bestAssignment } from '../../../src-main/engine/linear-algebra/assignment'
import { MatrixProducts, type Matrix } from '../../../src-main/engine/linear-algebra/matrix-products'
import { featureCorrelations, groupShare, pairFeatures } from '../../../src-main/engine/merge/alignment/feature-pairing'
import { unitRows, weightGain } from '../../../src-main/engine/merge/alignment/unit-rows'
import { WeightedSum } from '../../../src-main/engine/tensor/weighted-sum'
import { input, type GoldenCase } from '../golden-set'
import { floatInputs } from '../../unit/engine/tensor/inputs'
import type { OpRunner } from '../run-cases'

const products = new MatrixProducts('cpu')

/** The input's elements with the units of an axis as rows. */
function rowsOf(goldenCase: GoldenCase, name: string, axis: 0 | 1): Matrix {
  const { shape, values } = input(goldenCase, name)
  return unitRows(values(), shape, { axis, first: 0, count: shape[axis]! })
}

/** The input with its rows or its columns in another order, read as the engine reads it. */
function permuted(
  goldenCase: GoldenCase,
  name: string,
  order: { rows: Int32Array | null; columns: Int32Array | null },
): Float32Array {
  const { shape, values } = input(goldenCase, name)
  const bytes = new Uint8Array(Float32Array.from(values()).buffer)
  const { byteLength } = bytes
  const stored: StoredTensor = { name, path: '', elementType: 'F32', shape, offset: 0, byteLength }
  const result = permutedTensor({ shape, stored, start: 0, transposed: false }, order)
  const into = new Uint8Array(byteLength)
  const reader = new PermutedTensors((_, start, part) =>
    part.set(bytes.subarray(start * 4, start * 4 + part.byteLength)),
  )
  reader.read(result, result.permuted!, 0, into)
  return new Float32Array(into.buffer)
}

const permutationMatch: OpRunner = async (goldenCase) => {
  const pair = (name: string, axis: 0 | 1): { own: Matrix; other: Matrix } => ({
    own: rowsOf(goldenCase, `${name}_a`, axis),
    other: rowsOf(goldenCase, `${name}_b`, axis),
  })
  const biases = 'bias_a' in goldenCase.inputs ? [pair('bias', 0)] : []
  const gain = await weightGain([pair('first', 0), pair('next', 1), ...biases], products)
  const permutation = await bestAssignment(gain.data, gain.rows)
  return {
    outputs: {
      permutation,
      gain: gain.data,
      first_b_aligned: permuted(goldenCase, 'first_b', { rows: permutation, columns: null }),
      next_b_aligned: permuted(goldenCase, 'next_b', { rows: null, columns: permutation }),
    },
    arithmetic: 'float64',
  }
}

const zipitMatch: OpRunner = async (goldenCase) => {
  const { params } = goldenCase
  const correlation = await featureCorrelations(rowsOf(goldenCase, 'features', 0), products)
  const size = Number(params['channels'])
  const models = correlation.rows / size
  const changed = { ...correlation, data: correlation.data.slice() }
  const groups = pairFeatures(changed, models, { repeat: Number(params['a']), within: Number(params['b']) })
  const merge = new Float64Array(groups.length * correlation.rows)
  const unmerge = new Float64Array(groups.length * correlation.rows)
  groups.forEach((group, merged) => {
    for (const feature of group) {
      merge[merged * correlation.rows + feature] = groupShare(group.length)
      unmerge[feature * groups.length + merged] = 1
    }
  })
  return { outputs: { correlation: correlation.data, merge, unmerge }, arithmetic: 'float64' }
}

/**
 * A layer's float32 weights or biases. The generator writes inputs and outputs of gain_fold under one key, so that a set
 * holds the folded ones in both places: these are no float32 values, and the gain is taken out again.
 */
function unfolded(goldenCase: GoldenCase, name: string, gain: number): Float32Array {
  const values = input(goldenCase, name).values()
  const isFolded = values.some((value) => Math.fround(value) !== value)
  return Float32Array.from(values, (value) => (isFolded ? value / gain : value))
}

/** A layer times a gain: what a merge makes of a base of zeros and the layer; the features follow from it. */
const gainFold: OpRunner = async (goldenCase) => {
  const gain = Number(goldenCase.params['gain'])
  const [inner, count] = input(goldenCase, 'columns').shape as [number, number]
  const scaled = (name: string): Float64Array => {
    const values = unfolded(goldenCase, name, gain)
    const inputs = floatInputs([new Float32Array(values.length), values])
    const combination = { coefficients: [1 - gain, gain], divisor: 1 }
    const { bytes } = new WeightedSum(inputs.count).sum(inputs, combination, 0, inputs.count, 'F64')
    return new Float64Array(bytes.slice().buffer)
  }
  const weight = scaled('weight')
  const bias = 'bias' in goldenCase.inputs ? scaled('bias') : null
  const { data: features } = await products.multiply(
    { data: weight, rows: weight.length / inner, columns: inner },
    { data: input(goldenCase, 'columns').values(), rows: inner, columns: count },
  )
  if (bias) features.forEach((value, at) => (features[at] = value + bias[Math.floor(at / count)]!))
  return { outputs: { weight, ...(bias && { bias }), features }, arithmetic: 'float64' }
}

export const alignmentOps = {
  gain_fold: gainFold,
  permutation_match: permutationMatch,
  zipit_match: zipitMatch,
} satisfies Record<string, OpRunner>
