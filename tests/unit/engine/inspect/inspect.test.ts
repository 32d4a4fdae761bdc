import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { LayerSummary } from '../../../../src-main/contract/inspect'
import { NORMALISERS, projectSchema } from '../../../../src-main/contract/document/project'
import { deltaSummary } from '../../../../src-main/engine/inspect/delta-summary'
import { findLayer, inspectLayers, openInspection } from '../../../../src-main/engine/inspect/inspect'
import { PLAIN_LAYER, TensorRows } from '../../../../src-main/engine/merge/fusion/layer-rows'
import { floatInputs } from '../tensor/inputs'

const FOLDER = 'tests/golden/checkpoints'

interface GoldenSummary {
  n: number
  d: number
  delta_correlation: number[][]
  weight_cosine: number[][]
  delta_norm_ratio: number[]
  mean_max_abs_p: number[]
  mean_abs_p: number[]
  mean_own_p: number[]
  own_row_is_best: number[]
  dead_base_rows: number
  paper: { min_z: number; max_kappa: number; mean_kappa: number; share: number[] }
  aligned: GoldenSummary['paper']
  abs: GoldenSummary['paper']
}

const { models, layers } = JSON.parse(readFileSync(`${FOLDER}/summaries.json`, 'utf8')) as {
  models: string[]
  layers: Record<string, GoldenSummary>
}
const project = projectSchema.parse({
  format: 'featurefusion-project',
  version: 1,
  models: models.map((name) => ({ name, path: `${FOLDER}/${name}` })),
})

/** float32 products against float64 goldens; numbers of rows are counted in whole rows. */
function expectClose(
  actual: readonly (number | null)[],
  golden: readonly number[],
  relative = 2e-5,
  absolute = 2e-6,
): void {
  expect(actual).toHaveLength(golden.length)
  golden.forEach((value, index) => {
    expect(Math.abs((actual[index] ?? NaN) - value)).toBeLessThanOrEqual(absolute + relative * Math.abs(value))
  })
}

/** A row agrees with itself; spreads are symmetric, and no larger than cosines allow. */
function expectSpread({ deltaRowSpread }: LayerSummary): void {
  const count = models.length - 1
  for (let a = 0; a < count; a++) {
    expect(deltaRowSpread[a * count + a]).toBeLessThan(1e-7)
    for (let b = 0; b < count; b++) {
      expect(deltaRowSpread[a * count + b]).toBe(deltaRowSpread[b * count + a])
      expect(deltaRowSpread[a * count + b]).toBeLessThanOrEqual(1)
    }
  }
}

describe('inspectLayers', () => {
  it('summarises every layer as numpy does', async () => {
    const inspection = await openInspection(project)
    const summaries: LayerSummary[] = []
    const fractions: number[] = []
    await inspectLayers(inspection, {}, (summary, fraction) => {
      summaries.push(summary)
      fractions.push(fraction)
    })
    expect(summaries.map(({ layer }) => layer).sort()).toEqual(Object.keys(layers).sort())
    expect(fractions).toEqual([...fractions].sort((a, b) => a - b))
    expect(fractions.at(-1)).toBeCloseTo(1)
    for (const summary of summaries) {
      const golden = layers[summary.layer]!
      expect([summary.rows, summary.inputs, summary.deadBaseRows]).toEqual([golden.n, golden.d, golden.dead_base_rows])
      expectClose(summary.deltaNormRatio, golden.delta_norm_ratio, 1e-9)
      expectClose(summary.deltaCorrelation, golden.delta_correlation.flat())
      expectSpread(summary)
      expectClose(summary.weightCosine, golden.weight_cosine.flat())
      expectClose(summary.meanMaxAbsP, golden.mean_max_abs_p)
      expectClose(summary.meanAbsP, golden.mean_abs_p)
      expectClose(summary.meanOwnP, golden.mean_own_p)
      expectClose(summary.ownRowIsBest, golden.own_row_is_best)
      for (const name of NORMALISERS) {
        const ours = summary.normalisers[name]!
        // A Z near zero is the difference of numbers κ times as large.
        const noise = 2e-5 * Math.max(1, golden[name].max_kappa)
        expectClose([ours.minZ], [golden[name].min_z], noise, noise)
        expectClose([ours.maxKappa, ours.meanKappa], [golden[name].max_kappa, golden[name].mean_kappa], noise)
        expectClose(ours.shares, golden[name].share, noise, noise)
      }
    }
  }, 60_000)

  it('tells how far the rows of two deltas differ in agreement', async () => {
    const weights = [new Float32Array(4), Float32Array.of(1, 0, 0, 1), Float32Array.of(1, 0, 0, -1)]
    const layer = new TensorRows(floatInputs(weights), [2, 2], PLAIN_LAYER, 0, null)
    const { deltaRowSpread } = await deltaSummary(layer, async () => {})
    // One row pulls together (1), the other apart (−1).
    expect(deltaRowSpread).toEqual([0, 1, 1, 0])
  })

  it('stops when it is cancelled', async () => {
    const inspection = await openInspection(project)
    const controller = new AbortController()
    const seen: string[] = []
    const run = inspectLayers(inspection, { signal: controller.signal }, ({ layer }) => {
      seen.push(layer)
      controller.abort()
    })
    await expect(run).rejects.toMatchObject({ kind: 'cancelled' })
    expect(seen).toHaveLength(1)
  })

  it('names layers that resemble an unknown one', async () => {
    const inspection = await openInspection(project)
    expect(findLayer(inspection, 'unet/conv_in.weight').layer.weight).toBe('conv_in.weight')
    expect(() => findLayer(inspection, 'conv_i')).toThrow(/conv_i/)
  })
})
