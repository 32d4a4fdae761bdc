import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { METHOD_NAMES } from '../../../../src-main/contract/document/project'
import { describeAdapter } from '../../../../src-main/engine/adapters/describe-adapter'
import { openSpecialist } from '../../../../src-main/engine/merge/open-model'
import { openCheckpoint } from '../../../../src-main/engine/checkpoint/open'
import { loadPipeline } from '../../../../src-main/engine/diffusion/load-pipeline'
import type { Pipeline } from '../../../../src-main/engine/diffusion/pipeline'
import { methodNamed } from '../../../../src-main/engine/merge/methods/index'
import { planMerge } from '../../../../src-main/engine/merge/open-model'
import { merge, projectOf, temporaryFolder, tensor, writeModel } from '../merge/models'
import { ADAPTERS, adapterAt, BASE, changedBase, computedViews, readView } from './adapter-models'

const LORA = 'tests/golden/lora/sd1-kohya.safetensors'
const ALL_PARTS = { include: ['unet', 'text_encoder'] }

describe('merging adapters', () => {
  it.each(['sd1-loha', 'sd1-dora-in', 'sd1-boft', 'sd1-full-norm'])(
    'task arithmetic with scale 1 writes the weights of %s',
    async (name) => {
      const adapter = join(ADAPTERS, `${name}.safetensors`)
      const path = join(temporaryFolder(), 'merged')
      await merge(projectOf([BASE, adapter], { name: 'task-arithmetic', scale: 1 }, ALL_PARTS), path)
      const [merged, changed] = [await openCheckpoint(path), await changedBase(adapter, 1)]
      for (const [component, { tensors }] of changed.components)
        for (const [tensorName, view] of tensors) {
          const own = readView(merged.components.get(component)!.tensors.get(tensorName)!)
          const wanted = readView(view)
          const peak = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
          const error = wanted.reduce((most, value, at) => Math.max(most, Math.abs(value - own[at]!)), 0)
          expect(error, tensorName).toBeLessThanOrEqual(1e-6 * peak)
        }
    },
  )

  it.each(METHOD_NAMES.filter((name) => methodNamed(name).needs === null))('works by %s', async (name) => {
    const { most } = methodNamed(name).specialists
    const adapters = [LORA, join(ADAPTERS, 'sd1-lokr.safetensors')].slice(0, most)
    const path = join(temporaryFolder(), 'merged')
    const base = await openCheckpoint(BASE)
    const weight = 0.5
    await merge(projectOf([BASE, ...adapters.map((own) => ({ path: own, weight }))], { name }, ALL_PARTS), path)
    const merged = await openCheckpoint(path)
    expect([...merged.components.keys()].sort()).toEqual([...base.components.keys()].sort())
    for (const [component, { tensors }] of merged.components) {
      const expected = base.components.get(component)!.tensors
      expect([...tensors.keys()].sort()).toEqual([...expected.keys()].sort())
      for (const [tensorName, view] of tensors) {
        const { shape, stored } = expected.get(tensorName)!
        expect([view.stored.elementType, view.shape]).toEqual([stored.elementType, shape])
        expect(readView(view).every(Number.isFinite), tensorName).toBe(true)
      }
    }
    const key = 'down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.weight'
    const read = (of: typeof base) => readView(of.components.get('unet')!.tensors.get(key)!)
    expect(read(merged)).not.toEqual(read(base))
  })

  it('writes their strengths into the recipe, and only there where there are some', async () => {
    const strengths = { unet: 0.5, textEncoder: 0 }
    const folder = temporaryFolder()
    await merge(projectOf([BASE, { path: LORA, strengths }], { name: 'soup' }, ALL_PARTS), join(folder, 'a'))
    await merge(projectOf([BASE, LORA], { name: 'soup' }, ALL_PARTS), join(folder, 'b'))
    const recipeOf = async (name: string) =>
      JSON.parse((await openCheckpoint(join(folder, name))).metadata['featurefusion.recipe']!) as { models: unknown[] }
    expect((await recipeOf('a')).models[1]).toMatchObject({ strengths, files: [{ name: 'sd1-kohya.safetensors' }] })
    expect((await recipeOf('b')).models[1]).not.toHaveProperty('strengths')
  })

  it('says that parts which an adapter changes are not merged, and nothing of those that it does not', async () => {
    const both = await planMerge(projectOf([resolve(BASE), resolve(LORA)], { name: 'soup' }))
    expect(both.warnings).toEqual([expect.stringMatching(/^Not merged: text_encoder\. It stays as in model-0/)])
    const unetOnly = resolve(ADAPTERS, 'sd1-glora.safetensors')
    expect((await planMerge(projectOf([resolve(BASE), unetOnly], { name: 'soup' }))).warnings).toEqual([])
  })

  it('refuses strengths of a whole model', async () => {
    const project = projectOf([BASE, { path: join(BASE, 'unet'), strengths: {} }], { name: 'soup' })
    await expect(planMerge(project)).rejects.toMatchObject({ kind: 'validation' })
  })
})

it('a model that an adapter changes draws what the merge of both draws', async () => {
  const adapter = LORA
  const path = join(temporaryFolder(), 'merged')
  await merge(projectOf([BASE, adapter], { name: 'task-arithmetic', scale: 1 }, ALL_PARTS), path)
  const base = await openCheckpoint(BASE)
  const options = { device: 'cpu', base } as const
  const draw = async (pipeline: Pipeline) => {
    const [picture] = await pipeline.generate({
      pictures: [{ prompt: 'a cat', seed: 1 }],
      steps: 3,
      guidance: 3,
      width: 64,
      height: 64,
    })
    await pipeline.release()
    return picture!.image.data
  }
  const changed = await draw(await loadPipeline(await openSpecialist(adapter, () => Promise.resolve(base)), options))
  const merged = await draw(await loadPipeline(await openCheckpoint(path), options))
  const plain = await draw(await loadPipeline(base, options))
  const largest = (other: ArrayLike<number>) =>
    changed.reduce((most, value, at) => Math.max(most, Math.abs(value - other[at]!)), 0)
  // Of 0 … 1: a fraction of a level of 255.
  expect(largest(merged)).toBeLessThanOrEqual(1 / 255)
  expect(largest(plain)).toBeGreaterThan(8 / 255)
})

it('an adapter is described by rank, alpha, base and trigger words', async () => {
  const module = 'lora_unet_conv_in'
  const path = writeModel(
    join(temporaryFolder(), 'style.safetensors'),
    {
      [`${module}.lora_down.weight`]: tensor([2, 4, 3, 3], new Float32Array(72)),
      [`${module}.lora_up.weight`]: tensor([16, 2, 1, 1], new Float32Array(32)),
      [`${module}.alpha`]: tensor([], [1.5]),
    },
    {
      ss_base_model_version: 'sd_v1',
      ss_tag_frequency: JSON.stringify({ '5_cats': { cat: 3, 'oil painting': 9 }, '1_dogs': { dog: 1, cat: 7 } }),
    },
  )
  const { adapter, layout, files } = await describeAdapter(await adapterAt(path))
  expect(layout).toBe('adapter')
  expect(files).toHaveLength(1)
  expect(adapter).toEqual({
    kind: 'a LoCon (a LoRA that covers convolutions)',
    modules: 1,
    ranks: [2],
    alphas: [1.5],
    base: 'sd_v1',
    triggerWords: ['cat', 'oil painting', 'dog'],
  })
  expect(computedViews(await changedBase(path, 1)).size).toBe(1)
})
