import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { LayerDrift } from '../../../../src-main/engine/calibrate/feature-drift'
import { featureDrift } from '../../../../src-main/engine/calibrate/feature-drift'
import { dataSource } from '../../../../src-main/engine/calibrate/sources'
import { openCheckpoint } from '../../../../src-main/engine/checkpoint/open'
import { readEvaluationSet } from '../../../../src-main/engine/evaluate/data/evaluation-set'
import { planMerge } from '../../../../src-main/engine/merge/open-model'
import { runMerge } from '../../../../src-main/engine/merge/run'
import type { Project } from '../../../../src-main/contract/document/project'
import { family } from '../../demo-family'
import { projectOf, temporaryFolder } from '../merge/models'

const models = [family.base, ...family.specialists].slice(0, 3)
const base = await openCheckpoint(family.base.path)
const set = await readEvaluationSet(family.evaluation)
const pictures = [{ index: 0, picture: set.domains[0]!.pictures[0]! }]
const chosen = [{ name: set.domains[0]!.name, pictures }]

async function driftOf(project: Project, layers?: readonly string[]): Promise<LayerDrift[]> {
  const plan = await planMerge(project)
  const { path } = await runMerge(plan, { path: join(temporaryFolder(), 'merged') })
  const { run } = dataSource(chosen, { seed: 0, trainTimesteps: 1000 }, async () => ({ set, chosen }))
  const options = { base, device: 'cpu', samples: 16, seed: 0, ...(layers && { layers }) } as const
  return featureDrift(plan, await openCheckpoint(path), run, options)
}
const project = (method: Record<string, unknown>, last = {}): Project =>
  projectOf(
    models.map((model, index) => ({ ...model, ...(index === models.length - 1 && last) })),
    method,
    { dtype: 'fp32' },
  )
/** The first layers of the network, and some behind. */
const LAYERS = ['conv_in', 'time_embedding.linear_1', 'down_blocks.0.resnets.0.conv2', 'conv_out']

describe('features of a merge against the combined features of its models', () => {
  it.each([{ name: 'featurefusion', threshold: 0.9 }, { name: 'featurefusion', threshold: 0 }, { name: 'soup' }])(
    'are the same on the same inputs, and drift apart behind the first layers: %o',
    async (method) => {
      const drifts = await driftOf(project(method), LAYERS)
      expect(drifts.map(({ layer }) => layer).sort()).toEqual([...LAYERS].sort())
      const of = (layer: string): LayerDrift => drifts.find((drift) => drift.layer === layer)!
      for (const { alone } of drifts) expect(alone).toBeLessThan(1e-4)
      // Nothing lies before these: all networks get the same.
      for (const layer of ['conv_in', 'time_embedding.linear_1'])
        expect(of(layer).inside).toBeCloseTo(of(layer).alone, 6)
      for (const layer of ['down_blocks.0.resnets.0.conv2', 'conv_out']) expect(of(layer).inside).toBeGreaterThan(1e-3)
      expect(drifts.at(-1)!.layer).toBe('conv_out')
    },
    60_000,
  )

  it('leave out a model without weight', async () => {
    const [drift] = await driftOf(project({ name: 'featurefusion' }, { weight: 0 }), ['conv_out'])
    expect(drift!.alone).toBeLessThan(1e-4)
  }, 60_000)

  it('are not there where nothing is combined', async () => {
    await expect(driftOf(project({ name: 'ties' }))).rejects.toMatchObject({ kind: 'unsupported' })
  })
})
