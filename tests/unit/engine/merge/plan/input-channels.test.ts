import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { planMerge } from '../../../../../src-main/engine/merge/open-model'
import { noise } from '../../tensor/inputs'
import { merge, projectOf, readModel, temporaryFolder, tensor, writeModel, type TestTensor } from '../models'

const LDM = resolve('tests/golden/layouts/sd1-ldm.safetensors')
const FIRST = 'model.diffusion_model.input_blocks.0.0.weight'
const AREA = 9

type Tensors = Record<string, TestTensor & { values: Float64Array }>

async function golden(): Promise<Tensors> {
  return Object.fromEntries([...(await readModel(LDM))].filter(([name]) => !name.startsWith('model_ema.')))
}

/** A fine-tune, whose UNet takes `channels` input channels. */
async function written(path: string, seed: number, channels: number, type: 'F32' | 'F16' = 'F32'): Promise<string> {
  const moved = Object.entries(await golden()).map(([name, one], index): [string, TestTensor] => {
    if (one.type !== 'F32') return [name, one]
    const change = noise(one.values.length, seed + index)
    const values = Float64Array.from(one.values, (value, i) => value + 0.05 * change[i]!)
    if (name !== FIRST) return [name, tensor(one.shape, values, type)]
    const out = one.shape[0]!
    const rest = noise(out * (channels - 4) * AREA, seed + 1e6)
    const rows = Array.from({ length: out }, (_, row) => [
      ...values.subarray(row * 4 * AREA, (row + 1) * 4 * AREA),
      ...rest.subarray(row * (channels - 4) * AREA, (row + 1) * (channels - 4) * AREA),
    ])
    return [name, tensor([out, channels, 3, 3], rows.flat(), type)]
  })
  return writeModel(path, Object.fromEntries(moved))
}

/** The first `count` input channels of the first layer of a file, and the others. */
async function channelsOf(path: string, count = 4): Promise<{ first: number[]; rest: number[] }> {
  const { shape, values } = (await readModel(path)).get(FIRST)!
  const row = shape[1]! * AREA
  const cut = (from: number, to: number): number[] =>
    Array.from({ length: shape[0]! }, (_, i) => [...values.subarray(i * row + from, i * row + to)]).flat()
  return { first: cut(0, count * AREA), rest: cut(count * AREA, row) }
}

describe.each([5, 8, 9])('a base that takes %i input channels, with models that take 4', (channels) => {
  it.each(['soup', 'weighted-sum', 'task-arithmetic', 'ties', 'dare', 'featurefusion'])(
    '%s merges the first 4; the others stay bit for bit',
    async (name) => {
      const folder = temporaryFolder()
      const wide = await written(join(folder, 'wide.safetensors'), 1, channels)
      const plain = await written(join(folder, 'plain.safetensors'), 2, 4)
      const out = join(folder, 'out.safetensors')
      await merge(projectOf([wide, { path: plain, weight: 0.5 }], { name }), out)
      const [merged, own, other] = [await channelsOf(out), await channelsOf(wide), await channelsOf(plain)]
      expect(merged.rest).toEqual(own.rest)
      expect(merged.first).not.toEqual(own.first)
      if (name !== 'soup' && name !== 'featurefusion' && name !== 'weighted-sum') return
      const share = name === 'weighted-sum' ? 0.5 : 1 / 3
      merged.first.forEach((value, i) =>
        expect(value).toBeCloseTo((1 - share) * own.first[i]! + share * other.first[i]!, 5),
      )
    },
  )
})

describe('wide and narrow models', () => {
  it('may be stored in other types', async () => {
    const folder = temporaryFolder()
    const wide = await written(join(folder, 'wide.safetensors'), 1, 9, 'F16')
    const plain = await written(join(folder, 'plain.safetensors'), 2, 4)
    const out = join(folder, 'out.safetensors')
    await merge(projectOf([wide, plain], { name: 'soup' }), out)
    expect((await channelsOf(out)).rest).toEqual((await channelsOf(wide)).rest)
  })

  it('add difference puts onto a wide model what a plain one learnt beyond a plain base', async () => {
    const folder = temporaryFolder()
    const [base, plain] = [
      await written(join(folder, 'base.safetensors'), 3, 4),
      await written(join(folder, 'plain.safetensors'), 2, 4),
    ]
    const wide = await written(join(folder, 'wide.safetensors'), 1, 9)
    const out = join(folder, 'out.safetensors')
    const project = projectOf([base, wide, { path: plain, weight: 0.7 }], { name: 'add-difference' })
    await merge(project, out)
    const [merged, a, b, c] = await Promise.all([out, wide, plain, base].map((path) => channelsOf(path)))
    expect(merged!.rest).toEqual(a!.rest)
    merged!.first.forEach((value, i) =>
      expect(value).toBeCloseTo(a!.first[i]! + 0.7 * (b!.first[i]! - c!.first[i]!), 5),
    )
    expect((await planMerge(project)).warnings.join('\n')).toContain(
      'The UNet of model-1 takes 9 input channels, model-0, model-2 4: the first 4 of conv_in.weight are merged, the other 5 stay as in model-1.',
    )
  })

  it('are refused where the base is narrow, with what helps', async () => {
    const folder = temporaryFolder()
    const plain = await written(join(folder, 'plain.safetensors'), 2, 4)
    const wide = await written(join(folder, 'wide.safetensors'), 1, 9)
    await expect(planMerge(projectOf([plain, wide], { name: 'soup' }))).rejects.toMatchObject({
      kind: 'incompatible',
      hint: expect.stringContaining(`Use ${wide} as the base`),
    })
  })
})
