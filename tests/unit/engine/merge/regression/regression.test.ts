import { writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { restoreRecipe } from '../../../../../src-main/project/restore-recipe'
import { calibrate } from '../../../../../src-main/engine/calibrate/calibrate'
import { dataSource } from '../../../../../src-main/engine/calibrate/sources'
import { openCheckpoint } from '../../../../../src-main/engine/checkpoint/open'
import { readEvaluationSet } from '../../../../../src-main/engine/evaluate/data/evaluation-set'
import { family } from '../../../demo-family'
import { merge, projectOf, readModel, sha256, temporaryFolder } from '../models'
import { columnsOf, matricesOf, merged, problems, type Problem } from './problems'

/** Σ_m α_m ‖(W − K_m) X_m‖² and its gradient's largest entry with the ridge's part, of a given W. */
function objective(problem: Problem, w: Float32Array, lambda: number) {
  const { rows, inputs, counts, weights } = problem
  const [matrices, columns] = [matricesOf(problem), columnsOf(problem)]
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  const gradient = Float64Array.from(w, (value, at) => {
    return lambda * (value - weights.reduce((sum, weight, m) => sum + (weight / total) * matrices[m]![at]!, 0))
  })
  let error = 0
  weights.forEach((weight, m) => {
    for (let row = 0; row < rows && weight > 0; row++)
      for (let c = 0; c < counts[m]!; c++) {
        const x = columns[m]!.subarray(c * inputs, (c + 1) * inputs)
        const off = x.reduce(
          (sum, value, i) => sum + value * (w[row * inputs + i]! - matrices[m]![row * inputs + i]!),
          0,
        )
        error += weight * off * off
        for (let i = 0; i < inputs; i++) gradient[row * inputs + i]! += weight * off * x[i]!
      }
  })
  return { error, gradient: gradient.reduce((most, value) => Math.max(most, Math.abs(value)), 0) }
}

describe('feature regression of a layer', () => {
  it('minimises its objective, whether columns or inputs are fewer', async () => {
    await fc.assert(
      fc.asyncProperty(problems, async (problem) => {
        const { matrix, lambda, report } = await merged(problem)
        const { error, gradient } = objective(problem, matrix, lambda)
        expect(gradient).toBeLessThan(1e-3)
        const total = problem.weights.reduce((sum, weight) => sum + weight, 0)
        const mean = Float32Array.from(matrix, (_, at) => {
          return matricesOf(problem).reduce((sum, w, m) => sum + (problem.weights[m]! / total) * w[at]!, 0)
        })
        const before = objective(problem, mean, lambda).error
        if (before > 1e-6) expect(report.remaining).toBeCloseTo(error / before, 3)
        expect(report.columns).toBe(problem.counts.reduce((sum, count, m) => sum + (problem.weights[m] ? count : 0), 0))
      }),
      { numRuns: 60 },
    )
  })

  it('solves systems of many blocks', async () => {
    for (const inputs of [500, 150]) {
      const problem: Problem = { rows: 3, inputs, counts: [90, 120, 80], weights: [1, 1, 2], ridge: 1 }
      const { matrix, lambda } = await merged(problem)
      expect(objective(problem, matrix, lambda).gradient).toBeLessThan(1e-2)
    }
  })

  it('of copies is the copy bit for bit, and without columns the mean', async () => {
    const problem: Problem = { rows: 7, inputs: 40, counts: [9, 9, 9], weights: [0.3, 1, 0.7], ridge: 1 }
    const [matrix] = matricesOf(problem)
    expect((await merged(problem, [matrix!, matrix!, matrix!])).matrix).toEqual(matrix)
    const none = { ...problem, counts: [0, 0, 0] }
    const result = await merged(none)
    const mean = matricesOf(none).reduce((sum, w, m) => sum + (none.weights[m]! / 2) * w[11]!, 0)
    expect(result.matrix[11]).toBeCloseTo(mean, 6)
    expect(result.report.remaining).toBe(1)
  })

  it('reads neither weights nor columns of a model without weight', async () => {
    const problem: Problem = { rows: 2, inputs: 5, counts: [4, 4, 4], weights: [1, 0, 1], ridge: 1 }
    const [a, b] = [matricesOf(problem), columnsOf(problem)]
    const good = (await merged(problem)).matrix
    a[1]!.fill(NaN)
    b[1]!.fill(NaN)
    expect((await merged(problem, a, b)).matrix).toEqual(good)
  })
})

describe('merging the demo family with real inputs', async () => {
  const [base, ...specialists] = [family.base, ...family.specialists].slice(0, 3)
  const set = await readEvaluationSet(family.evaluation)
  const baseCheckpoint = await openCheckpoint(base!.path)

  /** A calibration of some of the models on two pictures each. */
  async function calibration(folder: string, names: readonly string[]): Promise<string> {
    const path = join(folder, `calibration-${names.join('-')}.safetensors`)
    const pictures = [0, 1].map((index) => ({ index, picture: set.domains[0]!.pictures[index]! }))
    const chosen = [{ name: set.domains[0]!.name, pictures }]
    const models = [base!, ...specialists].filter(({ name }) => names.includes(name))
    const prepared = []
    for (const { name, path: own } of models) {
      const source = dataSource(chosen, { seed: 1, trainTimesteps: 1000 }, async () => ({ set, chosen }))
      prepared.push({ name, checkpoint: await openCheckpoint(own), ...source })
    }
    await calibrate(prepared, { path, base: baseCheckpoint, device: 'cpu', samples: 24, seed: 0 })
    return path
  }
  const project = (method: Record<string, unknown>) =>
    projectOf(
      [base!, ...specialists].map(({ name, path }) => ({ name, path })),
      method,
    )

  it('fits all layers of the UNet, says so, and names the file in the recipe', async () => {
    const folder = temporaryFolder()
    const path = await calibration(
      folder,
      specialists.map(({ name }) => name),
    )
    const { regressions, recipe } = await merge(
      project({ name: 'feature-regression', calibration: path }),
      join(folder, 'merged'),
    )
    expect(regressions.length).toBeGreaterThan(100)
    for (const { columns, remaining } of regressions) {
      expect(columns).toBeGreaterThan(0)
      expect(remaining).toBeLessThan(1)
    }
    expect(recipe.calibration).toMatchObject({ sha256: sha256(path) })
    expect(recipe.settings).toEqual({ ridge: 1 })
    const soup = join(folder, 'soup')
    await merge(project({ name: 'soup' }), soup)
    const unet = 'unet/diffusion_pytorch_model.safetensors'
    const [ours, plain] = [await readModel(join(folder, 'merged', unet)), await readModel(join(soup, unet))]
    for (const [name, { shape, bytes }] of ours) {
      const isSame = Buffer.from(bytes).equals(plain.get(name)!.bytes)
      expect(`${name} ${isSame}`).toBe(`${name} ${shape.length < 2}`)
    }
  })

  it('by calibrated FeatureFusion takes the base’s inputs as samples', async () => {
    const folder = temporaryFolder()
    const path = await calibration(folder, [base!.name])
    const { layers, recipe } = await merge(
      project({ statistics: 'calibrated', calibration: path, normaliser: 'aligned', threshold: 0.95 }),
      join(folder, 'merged'),
    )
    const exact = await merge(project({ threshold: 0.95 }), join(folder, 'exact'))
    expect(layers.map(({ layer }) => layer)).toEqual(exact.layers.map(({ layer }) => layer))
    expect(layers.map(({ shares }) => shares)).not.toEqual(exact.layers.map(({ shares }) => shares))
    expect(recipe.settings).toMatchObject({ statistics: 'calibrated' })
    expect(recipe.calibration).toMatchObject({ sha256: sha256(path) })
  })

  it('of calibrated statistics can be re-weighted from contributions, which belong to their calibration', async () => {
    const folder = temporaryFolder()
    const path = await calibration(folder, [base!.name])
    const settings = { statistics: 'calibrated', calibration: path, threshold: 0.95 }
    const direct = await merge(project(settings), join(folder, 'direct'))
    const cacheFolder = join(folder, 'cache')
    const kept = await merge(project({ ...settings, reuse: true }), join(folder, 'kept'), { cacheFolder })
    kept.layers.forEach(({ layer, shares }, index) =>
      shares.forEach((share, model) => expect(share, layer).toBeCloseTo(direct.layers[index]!.shares[model]!, 4)),
    )
    const exact = await merge(project({ threshold: 0.95, reuse: true }), join(folder, 'exact'), { cacheFolder })
    expect(exact.layers.map(({ shares }) => shares)).not.toEqual(kept.layers.map(({ shares }) => shares))
  }, 60_000)

  it('is restored from its recipe with the file, wherever that lies', async () => {
    const folder = temporaryFolder()
    const names = specialists.map(({ name }) => name)
    const path = await calibration(folder, names)
    const cacheFolder = join(folder, 'cache')
    const settings = { name: 'feature-regression', calibration: path, ridge: 2 }
    await merge(project(settings), join(folder, 'merged'), { cacheFolder })
    const restored = await restoreRecipe(join(folder, 'merged'), { cacheFolder, mayRead: async () => true })
    expect(restored.missing).toEqual([])
    expect(restored.project.method).toMatchObject(settings)
    const elsewhere = await restoreRecipe(join(folder, 'merged'), {
      cacheFolder: join(folder, 'empty'),
      mayRead: async () => true,
    })
    expect(elsewhere.missing).toContain(basename(path))
  })

  it('refuses a file of other models, no file, and what is no such file', async () => {
    const folder = temporaryFolder()
    const one = await calibration(folder, [specialists[0]!.name])
    const regression = (calibrationPath?: string) =>
      merge(
        project({ name: 'feature-regression', ...(calibrationPath !== undefined && { calibration: calibrationPath }) }),
        join(folder, 'merged'),
      )
    await expect(regression(one)).rejects.toMatchObject({
      kind: 'incompatible',
      message: expect.stringContaining(specialists[1]!.name),
    })
    await expect(regression()).rejects.toMatchObject({ kind: 'validation' })
    const wrong = join(folder, 'wrong')
    writeFileSync(wrong, 'no')
    await expect(regression(wrong)).rejects.toMatchObject({ kind: 'malformed' })
    const calibrated = merge(project({ statistics: 'calibrated', calibration: one }), join(folder, 'merged'))
    await expect(calibrated).rejects.toMatchObject({
      kind: 'incompatible',
      message: expect.stringContaining(base!.name),
    })
  })
})
