import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { columnsOf, matricesOf, merged, problems, type Problem } from './problems'

const gramProblems = fc
  .tuple(problems, fc.constantFrom(0, 0.3, 0.9, 1), fc.constantFrom(0.03, 1))
  .map(([problem, offDiagonals, ridge]): Problem => ({ ...problem, ridge, gram: { offDiagonals } }))

/** The models' Gram matrices [d, d], each the mean over its columns, off-diagonals times a factor. */
function gramsOf({ inputs, counts, gram }: Problem, columns: readonly Float32Array[]): Float64Array[] {
  return counts.map((count, model) =>
    Float64Array.from({ length: inputs * inputs }, (_, at) => {
      const [i, j] = [Math.floor(at / inputs), at % inputs]
      let sum = 0
      for (let c = 0; c < count; c++) sum += columns[model]![c * inputs + i]! * columns[model]![c * inputs + j]!
      return count === 0 ? 0 : (sum / count) * (i === j ? 1 : gram!.offDiagonals)
    }),
  )
}

/** Largest entry of Σ α_m (W − K_m) G_m + λ (W − K̄). */
function imbalance(problem: Problem, w: Float32Array, lambda: number): number {
  const { rows, inputs, weights } = problem
  const matrices = matricesOf(problem)
  const grams = gramsOf(problem, columnsOf(problem))
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  let most = 0
  for (let row = 0; row < rows; row++)
    for (let j = 0; j < inputs; j++) {
      let sum = 0
      weights.forEach((weight, m) => {
        const off = (i: number): number => w[row * inputs + i]! - matrices[m]![row * inputs + i]!
        for (let i = 0; i < inputs; i++) sum += weight * off(i) * grams[m]![i * inputs + j]!
        sum += (lambda * weight * off(j)) / total
      })
      most = Math.max(most, Math.abs(sum))
    }
  return most
}

describe('RegMean of a layer', () => {
  it('balances the models’ Gram matrices, whether columns or inputs are fewer', async () => {
    await fc.assert(
      fc.asyncProperty(gramProblems, async (problem) => {
        const { matrix, lambda } = await merged(problem)
        expect(imbalance(problem, matrix, lambda)).toBeLessThan(1e-4)
      }),
      { numRuns: 80 },
    )
  })

  it('gives the same from columns that are few and from the same columns several times', async () => {
    const problem: Problem = {
      ...{ rows: 4, inputs: 60, counts: [9, 12, 15], weights: [0.5, 1, 2], ridge: 0.1 },
      gram: { offDiagonals: 0.8 },
    }
    const once = columnsOf(problem)
    const often = once.map((columns) =>
      Float32Array.from({ length: columns.length * 7 }, (_, i) => columns[i % columns.length]!),
    )
    const few = await merged(problem, matricesOf(problem), once)
    const many = await merged(
      { ...problem, counts: problem.counts.map((count) => count * 7) },
      matricesOf(problem),
      often,
    )
    few.matrix.forEach((value, i) => expect(many.matrix[i]).toBeCloseTo(value, 4))
  })

  it('does not depend on the order of the models, and of copies is the copy', async () => {
    await fc.assert(
      fc.asyncProperty(gramProblems, async (problem) => {
        const [matrices, columns] = [matricesOf(problem), columnsOf(problem)]
        const ordered = await merged(problem, matrices, columns)
        const reversed = {
          ...problem,
          counts: problem.counts.toReversed(),
          weights: problem.weights.toReversed(),
        }
        const other = await merged(reversed, matrices.toReversed(), columns.toReversed())
        ordered.matrix.forEach((value, i) => expect(other.matrix[i]).toBeCloseTo(value, 4))
        const copies = await merged(problem, [matrices[0]!, matrices[0]!, matrices[0]!], columns)
        copies.matrix.forEach((value, i) => expect(value).toBeCloseTo(matrices[0]![i]!, 5))
      }),
      { numRuns: 30 },
    )
  })

  it('leaves the mean where an input is 0 in every column and nothing else pulls it', async () => {
    const problem: Problem = {
      ...{ rows: 2, inputs: 6, counts: [40, 40, 40], weights: [1, 1, 2], ridge: 0 },
      gram: { offDiagonals: 0.9 },
    }
    const columns = columnsOf(problem)
    for (const own of columns) for (let at = 3; at < own.length; at += problem.inputs) own[at] = 0
    const { matrix } = await merged(problem, matricesOf(problem), columns)
    const mean = matricesOf(problem).reduce((sum, w, m) => sum + (problem.weights[m]! / 4) * w[3]!, 0)
    expect(matrix[3]).toBeCloseTo(mean, 6)
  })

  it('says that inputs depend on each other where no ridge parts them', async () => {
    const problem: Problem = {
      ...{ rows: 2, inputs: 4, counts: [30, 0, 0], weights: [1, 1, 1], ridge: 0 },
      gram: { offDiagonals: 1 },
    }
    const columns = columnsOf(problem)
    for (let at = 0; at < columns[0]!.length; at += 4) columns[0]![at + 1] = columns[0]![at]!
    await expect(merged(problem, matricesOf(problem), columns)).rejects.toMatchObject({
      kind: 'validation',
      hint: expect.stringContaining('larger ridge'),
    })
  })
})
