import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { applyAdapter } from '../../../../src-main/engine/adapters/apply-adapter'
import { TensorReader } from '../../../../src-main/engine/checkpoint/containers/tensor-reader'
import { openCheckpoint } from '../../../../src-main/engine/checkpoint/open'
import { elementCount } from '../../../../src-main/engine/tensor/element-type'
import { readModel, temporaryFolder, tensor, writeModel } from '../merge/models'
import { ADAPTERS, adapterAt, BASE, changedBase, computedViews, readView } from './adapter-models'

/** Every adapter of the reference data for the tiny Stable Diffusion 1 model. */
const FILES = readdirSync(ADAPTERS).filter((name) => name.startsWith('sd1-') && !name.includes('tuned'))

describe('the weights of a model that an adapter changes', () => {
  it.each(FILES)('%s: are the same whatever ranges they are read in', async (name) => {
    const reader = new TensorReader()
    for (const view of computedViews(await changedBase(join(ADAPTERS, name), 0.7)).values()) {
      const whole = readView(view)
      const count = elementCount(view.shape)
      for (let start = 0, step = 1; start < count; start += step, step = (step * 7) % 61) {
        const length = Math.min(step, count - start)
        expect(readView(view, start, length)).toEqual(whole.slice(start, start + length))
      }
      // Backwards through one reader, which keeps what it computed.
      const bytes = new Uint8Array(4)
      for (let at = count - 1; at >= 0; at -= 13) {
        reader.read(view.stored, at, bytes)
        expect(new Float32Array(bytes.buffer)[0]).toBe(whole[at])
      }
    }
    reader.close()
  })

  it.each(FILES)('%s: are the base itself at strength 0', async (name) => {
    const changed = await changedBase(join(ADAPTERS, name), 0)
    const base = await openCheckpoint(BASE)
    expect(computedViews(changed).size).toBe(0)
    for (const [component, { tensors }] of base.components)
      for (const [tensorName, view] of tensors)
        expect(changed.components.get(component)!.tensors.get(tensorName)).toEqual(view)
  })

  it.each(FILES)('%s: come near the base as the strength comes near 0', async (name) => {
    const base = await openCheckpoint(BASE)
    for (const [key, view] of computedViews(await changedBase(join(ADAPTERS, name), 1e-4))) {
      const [component] = key.split('/') as ['unet']
      const before = readView(base.components.get(component)!.tensors.get(view.name)!)
      const difference = readView(view).map((value, index) => Math.abs(value - before[index]!))
      expect(Math.max(...difference)).toBeLessThan(5e-3)
    }
  })

  it('change the UNet and the text encoder by strengths of their own', async () => {
    const adapter = await adapterAt('tests/golden/lora/sd1-kohya.safetensors')
    const base = await openCheckpoint(BASE)
    const both = computedViews(applyAdapter(adapter, base, { unet: 1, textEncoder: 1 }))
    const parts = (views: typeof both) => new Set([...views.keys()].map((key) => key.split('/')[0]))
    expect(parts(both)).toEqual(new Set(['unet', 'text_encoder']))
    const unetOnly = computedViews(applyAdapter(adapter, base, { unet: 1, textEncoder: 0 }))
    expect(parts(unetOnly)).toEqual(new Set(['unet']))
    const textOnly = computedViews(applyAdapter(adapter, base, { unet: 0, textEncoder: 1 }))
    expect(parts(textOnly)).toEqual(new Set(['text_encoder']))
    for (const [key, view] of textOnly) expect(readView(view)).toEqual(readView(both.get(key)!))
  })

  it('do not depend on the order of the keys', async () => {
    const path = 'tests/golden/adapters/sd1-kohya-alphas.safetensors'
    const tensors = Object.fromEntries([...(await readModel(path))].reverse())
    const other = writeModel(join(temporaryFolder(), 'reversed.safetensors'), tensors)
    const [first, second] = [computedViews(await changedBase(path, 0.5)), computedViews(await changedBase(other, 0.5))]
    expect([...second.keys()].sort()).toEqual([...first.keys()].sort())
    for (const [key, view] of first) expect(readView(second.get(key)!)).toEqual(readView(view))
  })

  it("are the same under OneTrainer's names (OMI)", async () => {
    const factors = [...(await readModel(join(ADAPTERS, 'sdxl-peft.safetensors')))]
    const renamed = factors.map(([name, factor]): (typeof factors)[number] => [
      name
        .replace(/^text_encoder_2\./, 'clip_g.')
        .replace(/^text_encoder\./, 'clip_l.')
        .replace('.lora_A.', '.lora_down.')
        .replace('.lora_B.', '.lora_up.'),
      factor,
    ])
    const folder = temporaryFolder()
    const viewsOf = async (name: string, entries: typeof renamed): Promise<ReturnType<typeof computedViews>> =>
      computedViews(
        await changedBase(writeModel(join(folder, name), Object.fromEntries(entries)), 1, 'tests/golden/sdxl/pipeline'),
      )
    const found = await viewsOf('omi.safetensors', renamed)
    expect(new Set([...found.keys()].map((key) => key.split('/')[0])).size).toBe(3)
    for (const [key, view] of await viewsOf('diffusers.safetensors', factors))
      expect(readView(found.get(key)!)).toEqual(readView(view))
  })

  it('are computed from factors of any float type', async () => {
    const module = 'lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q'
    // Numbers that all types hold exactly.
    const up = Array.from({ length: 32 }, (_, i) => ((i % 5) - 2) / 4)
    const down = Array.from({ length: 32 }, (_, i) => ((i % 7) - 3) / 8)
    const folder = temporaryFolder()
    const results = await Promise.all(
      (['F32', 'F16', 'BF16', 'F64', 'F8_E4M3'] as const).map(async (type) => {
        const path = writeModel(join(folder, `${type}.safetensors`), {
          [`${module}.lora_up.weight`]: tensor([16, 2], up, type),
          [`${module}.lora_down.weight`]: tensor([2, 16], down, type),
        })
        const [view] = computedViews(await changedBase(path, 1)).values()
        return readView(view!)
      }),
    )
    const base = (await openCheckpoint(BASE)).components.get('unet')!.tensors
    const before = readView(base.get('down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.weight')!)
    // Without alpha the scale is 1.
    const expected = before.map((value, at) => {
      const [row, column] = [Math.floor(at / 16), at % 16]
      return value + up[row * 2]! * down[column]! + up[row * 2 + 1]! * down[16 + column]!
    })
    for (const values of results) {
      expect(values).toEqual(results[0])
      values.forEach((value, at) => expect(value).toBeCloseTo(expected[at]!, 6))
    }
  })

  it('of one adapter on another depend on both', async () => {
    const base = await openCheckpoint(BASE)
    const loha = await adapterAt(join(ADAPTERS, 'sd1-loha.safetensors'))
    const oft = await adapterAt(join(ADAPTERS, 'sd1-oft.safetensors'))
    const one = { unet: 1, textEncoder: 1 }
    const key = 'unet/down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.weight'
    const first = computedViews(applyAdapter(oft, applyAdapter(loha, base, one), one)).get(key)!
    const second = computedViews(applyAdapter(loha, applyAdapter(oft, base, one), one)).get(key)!
    expect(readView(first)).not.toEqual(readView(second))
    expect(readView(first, 100, 50)).toEqual(readView(first).slice(100, 150))
  })
})
