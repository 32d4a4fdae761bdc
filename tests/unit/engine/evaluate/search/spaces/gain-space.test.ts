import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { projectSchema } from '../../../../../../src-main/contract/document/project'
import { readSafetensors } from '../../../../../../src-main/engine/checkpoint/containers/safetensors'
import { readFloats } from '../../../../../../src-main/engine/checkpoint/containers/stored-values'
import { openCheckpoint } from '../../../../../../src-main/engine/checkpoint/open'
import { loadPipeline } from '../../../../../../src-main/engine/diffusion/load-pipeline'
import { readUnetWeights } from '../../../../../../src-main/engine/evaluate/losses/evaluated-model'
import { gainedBlocks, gainSpace } from '../../../../../../src-main/engine/evaluate/search/spaces/gain-space'
import { groupsOf } from '../../../../../../src-main/engine/evaluate/search/spaces/weight-space'
import { planMerge } from '../../../../../../src-main/engine/merge/open-model'
import { runMerge } from '../../../../../../src-main/engine/merge/run'
import { family } from '../../../../demo-family'
import { temporaryFolder } from '../../../merge/models'

/** The family's base, whose residual branches diffusers scaled by hooks; scaled_blocks.py made it. */
const SCALED = resolve('tests/unit/engine/evaluate/search/spaces/fixtures/scaled-blocks.safetensors')

const project = projectSchema.parse({
  format: 'featurefusion-project',
  version: 1,
  models: [family.base, { name: 'scaled', path: join(family.base.path, 'unet') }],
  method: { name: 'gains' },
  output: { dtype: 'fp32' },
})

describe('gains of blocks', () => {
  it('folded into the last layers give what the scaled network gives', async () => {
    const { tensors, metadata } = await readSafetensors(SCALED)
    const given = Object.fromEntries(tensors.map((tensor) => [tensor.name, readFloats(tensor)]))
    const modules = metadata['modules']!.split(',')
    const plan = await planMerge(project)
    // One group for each module that adds something: the finest that there are.
    const groups = gainedBlocks(plan, [plan.blocks]).flatMap(({ blocks, layers }) =>
      modules.map((name) => ({ blocks, layers: layers.filter((layer) => layer.startsWith(`${name}.`)) })),
    )
    expect(groups.map(({ layers }) => layers.length)).toEqual(modules.map(() => 1))
    const models = gainSpace(plan.project.models, groups).modelsOf([...given['gains']!])
    const { path } = await runMerge(await planMerge({ ...project, models }), {
      path: join(temporaryFolder(), 'gained'),
    })

    const base = await openCheckpoint(family.base.path)
    const pipeline = await loadPipeline(base, { device: 'cpu', liveUnet: true })
    const outputOf = async (file: string): Promise<Float32Array> => {
      pipeline.setUnetWeights(readUnetWeights(await openCheckpoint(file), pipeline.unetWeightInputs))
      const { output } = await pipeline.parts.unet.run({
        sample: { data: given['sample']!, dims: [1, 4, 16, 16] },
        timestep: { data: given['timestep']!, dims: [1] },
        encoder_hidden_states: { data: given['states']!, dims: [1, 77, given['states']!.length / 77] },
      })
      return Float32Array.from(output!.data as Float32Array)
    }
    const farthest = (values: Float32Array): number =>
      values.reduce((most, value, at) => Math.max(most, Math.abs(value - given['output']![at]!)), 0)
    expect(farthest(await outputOf(path))).toBeLessThan(2e-4)
    expect(farthest(await outputOf(family.base.path))).toBeGreaterThan(0.1)
    await pipeline.release()
  })

  it('are one for each group of blocks that adds something, and 1 changes nothing', async () => {
    const plan = await planMerge(project)
    const byBlock = gainedBlocks(plan, groupsOf('blocks', plan.blocks))
    expect(byBlock.length).toBeGreaterThan(3)
    for (const { blocks, layers } of byBlock) {
      expect(blocks).toHaveLength(1)
      for (const layer of layers) expect(layer).toMatch(/conv2$|proj_out$/)
    }
    expect(byBlock.flatMap(({ blocks }) => blocks)).not.toContain('BASE')
    const stages = gainedBlocks(plan, groupsOf('stages', plan.blocks))
    expect(stages).toHaveLength(3)
    expect(stages.flatMap(({ layers }) => layers).toSorted()).toEqual(
      byBlock.flatMap(({ layers }) => layers).toSorted(),
    )
    const space = gainSpace(plan.project.models, stages)
    expect(space.start).toEqual([1, 1, 1])
    const ones = await planMerge({ ...project, models: space.modelsOf(space.start) })
    expect(new Set(ones.tasks.map(({ weights }) => weights.at(-1)))).toEqual(new Set([1]))
  })
})
