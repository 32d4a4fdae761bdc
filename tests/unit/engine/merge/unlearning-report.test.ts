import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { MethodName } from '../../../../src-main/contract/document/project'
import { ensureContributions } from '../../../../src-main/engine/merge/contributions/contributions'
import { planMerge } from '../../../../src-main/engine/merge/open-model'
import { hashSources } from '../../../../src-main/engine/merge/plan/recipe'
import { unlearningReport, type UnlearningReport } from '../../../../src-main/engine/merge/unlearning-report'
import { noise } from '../tensor/inputs'
import { merge, projectOf, readModel, temporaryFolder, tensor, writeModel, type TestTensor } from './models'

/** A row that is dead in the base, one that only one model has. */
function model(seed: number): Record<string, TestTensor> {
  const values = (count: number, own: number): Float32Array => {
    const delta = noise(count, 100 * seed + own)
    return noise(count, own).map((value, i) => value + (seed === 0 ? 0 : 0.2 * delta[i]!))
  }
  const linear = values(24 * 17, 1)
  linear.subarray(17, 34).fill(seed === 0 ? 0 : 0.5)
  if (seed !== 0) linear.subarray(34, 51).set(noise(17, 70 + seed))
  return {
    'conv.weight': tensor([12, 5, 3, 3], values(540, 2)),
    'conv.bias': tensor([12], values(12, 3)),
    'linear.weight': tensor([24, 17], linear),
    'norm.weight': tensor([17], values(17, 4)),
    'up.weight': tensor([6, 10, 2, 2], values(240, 5)),
  }
}

async function reportOf(
  method: MethodName,
  place: string,
): Promise<{ report: UnlearningReport | null; with: string; without: string }> {
  const paths = [0, 1, 2].map((seed) => writeModel(join(place, `m${seed}.safetensors`), model(seed)))
  const layerKinds = [{ pattern: 'up.weight', transposedConvolution: true }]
  const settings = { name: method, threshold: 0.4, layerKinds, reuse: true }
  const project = (enabled: boolean) =>
    projectOf(
      paths.map((path, index) => ({ path, weight: [1, 0.5, 2][index]!, enabled: index !== 2 || enabled })),
      settings,
      { dtype: 'fp32' },
    )
  const cacheFolder = join(place, 'cache')
  const [whole, rest] = [join(place, 'with.safetensors'), join(place, 'without.safetensors')]
  await merge(project(true), whole, { cacheFolder })
  await merge(project(false), rest, { cacheFolder })
  const [before, after] = [await planMerge(project(true)), await planMerge(project(false))]
  const contributions =
    method === 'featurefusion'
      ? await ensureContributions(before, { cacheFolder, provider: 'cpu', hashes: await hashSources(before, {}) })
      : null
  return { report: await unlearningReport(before, after, contributions), with: whole, without: rest }
}

describe('the unlearning report', () => {
  it.each(['featurefusion', 'soup', 'task-arithmetic', 'weighted-sum'] as const)(
    'tells how the two merges differ: %s',
    async (method) => {
      const { report, ...paths } = await reportOf(method, temporaryFolder())
      const [whole, rest] = [await readModel(paths.with), await readModel(paths.without)]
      expect(report!.tensors.map(({ tensor }) => tensor).sort()).toEqual([...whole.keys()].sort())
      const blocks = new Map<string, { whole: number; change: number }>()
      for (const { tensor: name, block, relative, length, parameters } of report!.tensors) {
        const [a, b] = [whole.get(name)!.values, rest.get(name)!.values]
        expect(parameters).toBe(a.length)
        const own = {
          whole: a.reduce((sum, value) => sum + value ** 2, 0),
          change: a.reduce((sum, value, i) => sum + (value - b[i]!) ** 2, 0),
        }
        expect(own.change).toBeGreaterThan(0)
        expect(length / Math.sqrt(own.change)).toBeCloseTo(1, 4)
        expect(relative / Math.sqrt(own.change / own.whole)).toBeCloseTo(1, 4)
        const before = blocks.get(block) ?? { whole: 0, change: 0 }
        blocks.set(block, { whole: before.whole + own.whole, change: before.change + own.change })
      }
      expect(report!.blocks.map(({ block }) => block)).toEqual([...blocks.keys()])
      for (const { block, relative } of report!.blocks) {
        const own = blocks.get(block)!
        expect(relative / Math.sqrt(own.change / own.whole)).toBeCloseTo(1, 4)
      }
    },
  )

  it('is none where the methods are no sums', async () => {
    expect((await reportOf('ties', temporaryFolder())).report).toBeNull()
  })
})
