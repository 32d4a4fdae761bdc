import fc from 'fast-check'
import { afterAll } from 'vitest'
import type { InputColumns, RidgeOptions } from '../../../../../src-main/engine/merge/regression/column-system'
import { PLAIN_LAYER, TensorRows } from '../../../../../src-main/engine/merge/fusion/layer-rows'
import {
  RegressionLayer,
  type RegressionResult,
} from '../../../../../src-main/engine/merge/regression/regression-layer'
import { RegressionSessions } from '../../../../../src-main/engine/merge/regression/regression-sessions'
import { Kernels } from '../../../../../src-main/engine/tensor/kernels'
import { floatInputs, noise } from '../../tensor/inputs'

const sessions = new RegressionSessions('cpu')
afterAll(() => sessions.release())

/** A layer whose models are noise. */
export interface Problem extends RidgeOptions {
  rows: number
  inputs: number
  counts: readonly number[]
}

export const matricesOf = ({ rows, inputs, weights }: Problem): Float32Array[] =>
  weights.map((_, model) => noise(rows * inputs, model + 1))
/** [count, inputs] per model. */
export const columnsOf = ({ inputs, counts }: Problem): Float32Array[] =>
  counts.map((count, model) => noise(count * inputs, 100 + model))

export async function merged(
  problem: Problem,
  matrices = matricesOf(problem),
  columns = columnsOf(problem),
): Promise<RegressionResult & { matrix: Float32Array }> {
  const { rows, inputs, counts } = problem
  const biases = matrices.map((_, model) => Float64Array.from(noise(rows, 50 + model)))
  const layer = new TensorRows(floatInputs(matrices), [rows, inputs], PLAIN_LAYER, 0, biases)
  const given: InputColumns = {
    counts,
    scratchBytes: () => 0,
    read: (model, into) => into.floats(columns[model]!.length).set(columns[model]!),
  }
  const kernels = new Kernels(RegressionLayer.memory(layer, given, problem.weights))
  const matrix = new Float32Array(rows * inputs)
  const result = await new RegressionLayer(layer, given, problem, sessions, kernels).merge(
    ({ start, count, weights }) => matrix.set(weights.floats(count * inputs), start * inputs),
    async () => {},
  )
  return { ...result, matrix }
}

export const problems = fc
  .record({
    rows: fc.integer({ min: 1, max: 9 }),
    inputs: fc.integer({ min: 1, max: 30 }),
    counts: fc.tuple(fc.nat(20), fc.nat(20), fc.integer({ min: 1, max: 20 })),
    weights: fc.tuple(fc.constantFrom(0, 0.5, 1), fc.constantFrom(0, 2), fc.constantFrom(0.5, 1)),
    ridge: fc.constantFrom(0.1, 1, 10),
  })
  .map((problem): Problem => problem)
