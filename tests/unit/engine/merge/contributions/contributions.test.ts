import { copyFileSync, readdirSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { NORMALISERS, type Project } from '../../../../../src-main/contract/document/project'
import { CONTRIBUTIONS_FOLDER } from '../../../../../src-main/engine/merge/contributions/cache-space'
import { ensureContributions } from '../../../../../src-main/engine/merge/contributions/contributions'
import { layerTasksOf } from '../../../../../src-main/engine/merge/plan/merge-plan'
import { planMerge } from '../../../../../src-main/engine/merge/open-model'
import { hashSources } from '../../../../../src-main/engine/merge/plan/recipe'
import { normaliserOf } from '../../../../../src-main/engine/merge/fusion/normalisers'
import { rowSums } from '../../../../../src-main/engine/merge/fusion/layer-report'
import { readFloats } from '../../../../../src-main/engine/checkpoint/containers/stored-values'
import { family } from '../../../demo-family'
import { BFLOAT, HALF, type Format } from '../../tensor/formats'
import { noise } from '../../tensor/inputs'
import { merge, projectOf, readModel, sha256, temporaryFolder, tensor, writeModel, type TestTensor } from '../models'

const SINGLE: Format = { fractionBits: 23, lowestExponent: -126, largest: 3.4e38 }
const FORMATS: Readonly<Record<string, Format>> = { F16: HALF, BF16: BFLOAT, F32: SINGLE }

/** One unit in the last place of a value. */
function ulp(value: number, { fractionBits, lowestExponent }: Format): number {
  const exponent = value === 0 ? lowestExponent : Math.floor(Math.log2(Math.abs(value)))
  return 2 ** (Math.max(lowestExponent, exponent) - fractionBits)
}

/**
 * Layers of every kind: linear, convolution, transposed and grouped convolutions; a dead base row, a dead row elsewhere,
 * rows that turned away from the base, tensors that are no matrices.
 */
function model(seed: number): Record<string, TestTensor> {
  const values = (count: number, own: number, change = 0.2): Float32Array => {
    const base = noise(count, own)
    const delta = noise(count, 100 * seed + own)
    return seed === 0 ? base : base.map((value, i) => value + change * delta[i]!)
  }
  const linear = values(24 * 17, 1)
  linear.subarray(3 * 17, 4 * 17).fill(seed === 0 ? 0 : 0.5)
  linear.subarray(5 * 17, 6 * 17).fill(seed === 1 ? 0 : 0.25)
  if (seed === 2) linear.subarray(7 * 17, 9 * 17).set(noise(34, 77))
  return {
    'a.linear.weight': tensor([24, 17], linear),
    'a.linear.bias': tensor([24], values(24, 2)),
    'a.conv.weight': tensor([12, 5, 3, 3], values(540, 3), seed === 1 ? 'F16' : 'F32'),
    'a.conv.bias': tensor([12], values(12, 4)),
    'b.up.weight': tensor([6, 10, 2, 2], values(240, 5)),
    'b.up.bias': tensor([10], values(10, 6)),
    'b.grouped.weight': tensor([8, 3, 3, 3], values(216, 7)),
    'c.norm.weight': tensor([24], values(24, 8)),
  }
}

function models(place: string, count = 4): string[] {
  return Array.from({ length: count }, (_, seed) => writeModel(join(place, `m${seed}.safetensors`), model(seed)))
}

const KINDS = {
  layerKinds: [
    { pattern: 'b.up.weight', transposedConvolution: true },
    { pattern: 'b.grouped.weight', groups: 2 },
  ],
}

/** What re-weighting may differ by: ulps of the output and 2⁻¹⁰ Σ α|D| / |Σ α z| of every layer, or of some. */
async function expectReweighted(
  project: Project,
  reused: string,
  direct: string,
  cacheFolder: string,
  every = 1,
): Promise<void> {
  const plan = await planMerge({ ...project, method: { ...project.method, reuse: true } })
  const hashes = await hashSources(plan, {})
  const { models: stored } = await ensureContributions(plan, { cacheFolder, provider: 'cpu', hashes })
  const layers = new Map(layerTasksOf(plan).map((task) => [task.layer.weight, task]))
  const [a, b] = [await readModel(reused), await readModel(direct)]
  expect([...a.keys()]).toEqual([...b.keys()])
  for (const [name, ours] of [...a].filter((_, index) => index % every === 0)) {
    const theirs = b.get(name)!
    const task = layers.get(name)
    if (!task) {
      const biasOf = layerTasksOf(plan).some(({ layer }) => layer.bias === name)
      const most = biasOf ? 4 : 0
      theirs.values.forEach((value, i) => {
        expect(Math.abs(value - ours.values[i]!)).toBeLessThanOrEqual(most * ulp(value, FORMATS[ours.type]!))
      })
      continue
    }
    const known = stored.find((model) => model !== null)!.layers.get(name)!
    const rows = known.rows.unit.length
    const inputs = theirs.values.length / rows
    const slack = new Float64Array(theirs.values.length)
    for (let row = 0; row < rows; row++) {
      const sigma = known.rows.baseSigma[row]!
      let z = 0
      stored.forEach((model, m) => {
        if (!model || sigma === 0) return
        const own = rowSums(model.layers.get(name)!.rows, row)
        z += task.weights[m]! * normaliserOf(project.method.normaliser, own, sigma)
      })
      if (z === 0) continue
      stored.forEach((model, m) => {
        const { differences, rows: values } = model?.layers.get(name) ?? { differences: null, rows: null }
        if (!differences) return
        const floats = readFloats(differences)
        for (let i = row * inputs; i < (row + 1) * inputs; i++)
          slack[i]! += (2 ** -10 * task.weights[m]! * Math.abs(floats[i]! * values.unit[row]!)) / Math.abs(z)
      })
    }
    const [first, second, ...area] = task.layer.shape
    const places = task.layer.kind.transposedConvolution
      ? (i: number): number => {
          const size = area.reduce((product, edge) => product * edge, 1)
          const [out, rest] = [Math.floor(i / (first! * size)), i % (first! * size)]
          return (Math.floor(rest / size) * second! + out) * size + (rest % size)
        }
      : (i: number): number => i
    const [ourValues, theirValues] = [ours.values, theirs.values]
    slack.forEach((allowed, i) => {
      const value = theirValues[places(i)]!
      const difference = Math.abs(ourValues[places(i)]! - value)
      const limit = allowed + ulp(value, FORMATS[ours.type]!)
      if (difference > limit) throw new Error(`${name}[${places(i)}] differs by ${difference}, more than ${limit}`)
    })
  }
}

describe('re-weighting contributions', () => {
  it.each(
    NORMALISERS.flatMap((normaliser) =>
      (['fp16', 'bf16', 'fp32'] as const).map((dtype) => ({ normaliser, dtype, threshold: 0.3 })),
    ).concat([
      { normaliser: 'aligned', dtype: 'fp32', threshold: 0 },
      { normaliser: 'paper', dtype: 'fp32', threshold: 0 },
    ]),
  )('is the direct merge to the last place: %o', async ({ normaliser, dtype, threshold }) => {
    const place = temporaryFolder()
    const paths = models(place)
    const cacheFolder = join(place, 'cache')
    const weighted = paths.map((path, index) => ({ path, weight: [1, 0.5, 2, 0.25][index]! }))
    for (const weights of [weighted, weighted.map((entry, index) => (index === 0 ? { ...entry, weight: 0 } : entry))]) {
      const project = projectOf(weights, { normaliser, threshold, ...KINDS }, { dtype })
      const [direct, reused] = [join(place, 'direct.safetensors'), join(place, 'reused.safetensors')]
      const expected = await merge(project, direct)
      const found = await merge({ ...project, method: { ...project.method, reuse: true } }, reused, { cacheFolder })
      await expectReweighted(project, reused, direct, cacheFolder)
      expect(found.layers.map(({ layer }) => layer)).toEqual(expected.layers.map(({ layer }) => layer))
      expected.layers.forEach((report, index) => {
        const { maxKappa, shares, deadRows, rowsWithoutWeight, threshold: tau } = found.layers[index]!
        expect(maxKappa / report.maxKappa).toBeCloseTo(1, 6)
        shares.forEach((share, m) => expect(share).toBeCloseTo(report.shares[m]!, 6))
        expect([deadRows, rowsWithoutWeight, tau]).toEqual([
          report.deadRows,
          report.rowsWithoutWeight,
          report.threshold,
        ])
      })
    }
  })

  it('is the direct merge of the demo family, whole layers and blocks weighed apart', async () => {
    const place = temporaryFolder()
    const cacheFolder = join(place, 'cache')
    const [first, second, third] = family.specialists
    const project = projectOf(
      [
        family.base.path,
        { path: first!.path, weight: 0.7, blocks: { M00: 0, OUT00: 3 } },
        { path: second!.path, weight: 2, layers: [{ pattern: 'attn1', weight: 0.1 }] },
        { path: (third ?? first)!.path, weight: 0.3 },
      ].slice(0, third ? 4 : 3),
    )
    const [direct, reused] = [join(place, 'direct'), join(place, 'reused')]
    await merge(project, direct)
    await merge({ ...project, method: { ...project.method, reuse: true } }, reused, { cacheFolder })
    const file = 'unet/diffusion_pytorch_model.safetensors'
    await expectReweighted(project, join(reused, file), join(direct, file), cacheFolder, 9)
  }, 120_000)

  it.each(NORMALISERS)('unlearns a specialist: %s', async (normaliser) => {
    const place = temporaryFolder()
    const cacheFolder = join(place, 'cache')
    const paths = models(place)
    const method = { normaliser, threshold: 0.4, ...KINDS }
    await merge(projectOf(paths, { ...method, reuse: true }), join(place, 'all.safetensors'), { cacheFolder })
    const without = projectOf(
      paths.map((path, index) => ({ path, enabled: index !== 2 })),
      { ...method, reuse: true },
    )
    const [reused, fresh] = [join(place, 'reused.safetensors'), join(place, 'fresh.safetensors')]
    const phases = new Set<string>()
    await merge(without, reused, { cacheFolder, onProgress: (phase) => phases.add(phase) })
    expect(phases).not.toContain('contributing')
    const remaining = projectOf(
      paths.filter((_, index) => index !== 2),
      method,
    )
    await merge(remaining, fresh)
    await expectReweighted(without, reused, fresh, cacheFolder)
  })
})

describe('contributions on disk', () => {
  const entries = (cacheFolder: string): string[] => readdirSync(join(cacheFolder, CONTRIBUTIONS_FOLDER)).sort()
  const contributionFiles = (cacheFolder: string): string[] =>
    entries(cacheFolder).filter((name) => name.endsWith('.safetensors'))

  it('are computed once, and give the same bytes when they are found', async () => {
    const place = temporaryFolder()
    const cacheFolder = join(place, 'cache')
    const project = projectOf(models(place), { ...KINDS, reuse: true })
    const phases: string[] = []
    const run = (out: string) =>
      merge(project, join(place, out), { cacheFolder, onProgress: (phase) => phases.push(phase) })
    await run('a.safetensors')
    expect(phases).toContain('contributing')
    const before = contributionFiles(cacheFolder)
    expect(before).toHaveLength(4)
    phases.length = 0
    await run('b.safetensors')
    expect(phases).not.toContain('contributing')
    expect(contributionFiles(cacheFolder)).toEqual(before)
    expect(sha256(join(place, 'a.safetensors'))).toBe(sha256(join(place, 'b.safetensors')))
  })

  it('of copies of one model lie in one file', async () => {
    const place = temporaryFolder()
    const cacheFolder = join(place, 'cache')
    const [base, specialist] = models(place, 2)
    const copy = join(place, 'copy.safetensors')
    copyFileSync(specialist!, copy)
    const project = projectOf([base!, specialist!, copy], { ...KINDS, threshold: 0.4 })
    const [reused, direct] = [join(place, 'reused.safetensors'), join(place, 'direct.safetensors')]
    await merge({ ...project, method: { ...project.method, reuse: true } }, reused, { cacheFolder })
    await merge(project, direct)
    expect(contributionFiles(cacheFolder)).toHaveLength(2)
    await expectReweighted(project, reused, direct, cacheFolder)
  })

  it('of the other models stay as they are when a specialist joins or changes', async () => {
    const place = temporaryFolder()
    const cacheFolder = join(place, 'cache')
    const paths = models(place)
    const method = { threshold: 0.4, ...KINDS, reuse: true }
    await merge(projectOf(paths.slice(0, 3), method), join(place, 'a.safetensors'), { cacheFolder })
    const three = contributionFiles(cacheFolder)
    await merge(projectOf(paths, method), join(place, 'b.safetensors'), { cacheFolder })
    const four = contributionFiles(cacheFolder)
    expect(four).toEqual(expect.arrayContaining(three))
    expect(four).toHaveLength(4)
    writeModel(paths[3]!, model(9))
    await merge(projectOf(paths, method), join(place, 'c.safetensors'), { cacheFolder })
    expect(contributionFiles(cacheFolder)).toHaveLength(5)
    await merge(projectOf(paths, { ...method, normaliser: 'abs' }), join(place, 'd.safetensors'), { cacheFolder })
    expect(contributionFiles(cacheFolder)).toHaveLength(9)
  })

  it('of a model without weight are computed where they are wanted', async () => {
    const place = temporaryFolder()
    const cacheFolder = join(place, 'cache')
    const paths = models(place)
    const project = projectOf([...paths.slice(0, 3), { path: paths[3]!, weight: 0 }], { ...KINDS, reuse: true })
    const [plan, hashes] = [await planMerge(project), await hashSources(await planMerge(project), {})]
    const options = { cacheFolder, provider: 'cpu', hashes } as const
    expect((await ensureContributions(plan, options)).models[3]).toBeNull()
    expect(contributionFiles(cacheFolder)).toHaveLength(3)
    const all = await ensureContributions(plan, { ...options, also: new Set([paths[3]!, 'elsewhere']) })
    expect(all.models[3]).not.toBeNull()
    expect(contributionFiles(cacheFolder)).toHaveLength(4)
  })

  it('that are not whole are never read', async () => {
    const place = temporaryFolder()
    const cacheFolder = join(place, 'cache')
    const project = projectOf(models(place), { ...KINDS, reuse: true })
    await merge(project, join(place, 'a.safetensors'), { cacheFolder })
    const [first, second] = contributionFiles(cacheFolder).map((name) => join(cacheFolder, CONTRIBUTIONS_FOLDER, name))
    truncateSync(first!, statSync(first!).size - 1)
    writeFileSync(second!, 'not what it was')
    for (const name of entries(cacheFolder).filter((entry) => entry.endsWith('.json')))
      writeFileSync(join(cacheFolder, CONTRIBUTIONS_FOLDER, name), '{')
    await merge(project, join(place, 'b.safetensors'), { cacheFolder })
    expect(sha256(join(place, 'a.safetensors'))).toBe(sha256(join(place, 'b.safetensors')))
  })

  it('that were cancelled leave nothing', async () => {
    const place = temporaryFolder()
    const cacheFolder = join(place, 'cache')
    const abort = new AbortController()
    const onProgress = (phase: string, fraction: number): void => {
      if (phase === 'contributing' && fraction > 0.3) abort.abort()
    }
    const project = projectOf(models(place), { ...KINDS, threshold: 0.3, reuse: true })
    const cancelled = merge(project, join(place, 'a.safetensors'), { cacheFolder, signal: abort.signal, onProgress })
    await expect(cancelled).rejects.toThrow(expect.objectContaining({ kind: 'cancelled' }))
    expect(entries(cacheFolder).filter((name) => name.includes('partial'))).toEqual([])
    expect(contributionFiles(cacheFolder).length).toBeLessThan(4)
  })
})
