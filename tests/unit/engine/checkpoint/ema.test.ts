import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openCheckpoint } from '../../../../src-main/engine/checkpoint/open'
import { planMerge } from '../../../../src-main/engine/merge/open-model'
import type { Project } from '../../../../src-main/contract/document/project'
import { GOLDEN } from './files'
import {
  merge,
  projectOf,
  readModel,
  temporaryFolder,
  tensor,
  writeModel,
  type ReadTensor,
  type TestTensor,
} from '../merge/models'

const UNET = 'model.diffusion_model.'

/** A weight's EMA copy, as LDM names it. */
const copyOf = (name: string): string => `model_ema.${name.slice('model.'.length).replaceAll('.', '')}`

/** A single file without and with EMA copies, which are twice the weights; `others` names weights without a copy. */
async function files(others: (name: string) => boolean = () => false, rename = (name: string) => name) {
  const folder = temporaryFolder()
  const own = [...(await readModel(join(GOLDEN, 'layouts/sd1-ldm.safetensors')))]
  const plain = Object.fromEntries(own.filter(([name]) => !name.startsWith('model_ema.')))
  const double = ({ shape, values }: ReadTensor): TestTensor =>
    tensor(
      shape,
      values.map((value) => 2 * value),
    )
  const copies = Object.entries(plain).flatMap(([name, weight]) =>
    name.startsWith(UNET) && !others(name) ? [[copyOf(name), double(weight)] as const] : [],
  )
  const renamed = Object.fromEntries(Object.entries(plain).map(([name, weight]) => [rename(name), weight]))
  const training = { 'model_ema.decay': tensor([], [0.9999]), 'model_ema.num_updates': tensor([], [3]) }
  return {
    plain,
    copies: copies.length,
    path: writeModel(join(folder, 'ema.safetensors'), { ...renamed, ...Object.fromEntries(copies), ...training }),
    other: writeModel(join(folder, 'plain.safetensors'), renamed),
    out: join(folder, 'out.safetensors'),
  }
}

const projectWith = (ema: Project['ema'], ...models: Parameters<typeof projectOf>[0][number][]): Project => ({
  ...projectOf(models, { name: 'weighted-sum' }, { dtype: 'fp32' }),
  ...(ema && { ema }),
})

describe('EMA copies', () => {
  it.each([undefined, 'drop'] as const)('are left out and said where the choice is %s', async (ema) => {
    const { path, other, out, plain } = await files()
    const project = projectWith(ema, path, { path: other, weight: 0 })
    const { warnings } = await planMerge(project)
    expect(warnings.join()).toMatch(/EMA copies of the weights \(model_ema\.\*; \d+ tensors\) left out/)
    await merge(project, out)
    const written = await readModel(out)
    expect([...written.keys()].some((name) => name.startsWith('model_ema.'))).toBe(false)
    const name = `${UNET}out.2.weight`
    expect(written.get(name)!.values).toEqual(plain[name]!.values)
  })

  it('take the place of the weights, in a base and in a specialist', async () => {
    const { path, other, out, plain, copies } = await files()
    for (const [models, share] of [
      [[path, { path: other, weight: 0 }], 2],
      [[other, { path, weight: 0.5 }], 1.5],
    ] as const) {
      const project = projectWith('use', ...models)
      expect((await planMerge(project)).warnings.join()).toContain(
        `${copies} weights of the UNet are read from their EMA copies.`,
      )
      const { recipe } = await merge(project, out, { overwrite: true })
      expect(recipe.ema).toBe('use')
      const written = await readModel(out)
      expect([...written.keys()].sort()).toEqual(Object.keys(plain).sort())
      for (const name of [`${UNET}input_blocks.1.0.in_layers.2.weight`, `${UNET}out.2.weight`]) {
        const expected = plain[name]!.values.map((value) => Math.fround(share * value))
        written.get(name)!.values.forEach((value, at) => expect(value).toBeCloseTo(expected[at]!, 6))
      }
    }
  })

  it('are found under other prefixes of the UNet, too', async () => {
    const { path, copies } = await files(undefined, (name) =>
      name.replace(/^model\.diffusion_model\./, 'diffusion_model.'),
    )
    const { emaCopies, usesEma } = await openCheckpoint(path, { ema: 'use' })
    expect({ emaCopies, usesEma }).toEqual({ emaCopies: copies, usesEma: true })
  })

  it('that some weights lack are said to lack', async () => {
    const { path, other } = await files((name) => name.endsWith('.bias'))
    const { warnings } = await planMerge(projectWith('use', path, other))
    expect(warnings.join()).toMatch(/The other \d+ have none and are read as they are/)
  })

  it('that no model has are said to be missing, and what has another shape is none', async () => {
    const { other } = await files()
    const lone = await files(() => true)
    const { warnings } = await planMerge(projectWith('use', other, lone.path))
    expect(warnings.join()).toContain('No model has EMA copies of its UNet')
    const name = `${UNET}out.0.bias`
    const odd = writeModel(lone.out, { ...lone.plain, [copyOf(name)]: tensor([1], [1]) })
    expect(await openCheckpoint(odd, { ema: 'use' })).toMatchObject({ emaCopies: 0, usesEma: false })
  })
})

/** A file whose UNet stands in it a second time, twice as large, and a project of it and the plain model. */
async function withSecondUnet(prefix: string, copy = (name: string) => prefix + name.slice(UNET.length)) {
  const { plain, other, out } = await files()
  const seconds = Object.entries(plain).flatMap(([name, weight]) => {
    if (!name.startsWith(UNET)) return []
    const values = (weight as ReadTensor).values.map((value) => 2 * value)
    return [[copy(name), tensor(weight.shape, values)] as const]
  })
  const path = writeModel(join(temporaryFolder(), 'second.safetensors'), { ...plain, ...Object.fromEntries(seconds) })
  return { plain, path, other, out, copies: seconds.length }
}

describe('a second copy of the UNet', () => {
  const NAME = `${UNET}out.2.weight`

  it.each([
    ['model_ema.diffusion_model.', /EMA copies of the weights \(model_ema\.\*; \d+ tensors\) left out/],
    ['ema_model.diffusion_model.', /EMA copies of the weights \(ema_model\.\*; \d+ tensors\) left out/],
    ['ema.', /EMA copies of the weights \(ema\.\*; \d+ tensors\) left out/],
    ['diffusion_model.', /holds a second unet \(diffusion_model\.\*; \d+ tensors\).*left out/],
    ['backup.', /holds a second unet \(backup\.\*; \d+ tensors\).*left out/],
  ])('under %s is left out and said', async (prefix, said) => {
    const { plain, path, other, out } = await withSecondUnet(prefix)
    const project = projectWith(undefined, path, { path: other, weight: 0 })
    const { warnings } = await planMerge(project)
    expect(warnings.join('\n')).toMatch(said)
    expect(warnings.join('\n')).not.toMatch(/copied, not merged/)
    await merge(project, out)
    const written = await readModel(out)
    expect([...written.keys()].sort()).toEqual(Object.keys(plain).sort())
    expect(written.get(NAME)!.values).toEqual((plain[NAME] as ReadTensor).values)
  })

  it.each(['model_ema.diffusion_model.', 'model_ema.', 'ema_model.diffusion_model.', 'ema_model.', 'ema.'])(
    'under %s takes the place of the weights where that is asked for',
    async (prefix) => {
      const { plain, path, other, out, copies } = await withSecondUnet(prefix)
      const project = projectWith('use', path, { path: other, weight: 0 })
      const { warnings } = await planMerge(project)
      expect(warnings.join()).toContain(`${copies} weights of the UNet are read from their EMA copies.`)
      expect(warnings.join()).not.toMatch(/No model has EMA|left out/)
      await merge(project, out)
      const twice = (plain[NAME] as ReadTensor).values.map((value) => 2 * value)
      expect((await readModel(out)).get(NAME)!.values).toEqual(twice)
    },
  )

  it('is the UNet where the file has no other', async () => {
    const { plain } = await files()
    const renamed = Object.entries(plain).map(([name, weight]) => [name.replace(UNET, 'ema.'), weight])
    const path = writeModel(join(temporaryFolder(), 'ema.safetensors'), Object.fromEntries(renamed))
    expect(await openCheckpoint(path)).toMatchObject({ architecture: 'sd1', emaCopies: 0 })
  })
})

it('a second VAE does not stay beside the one that is baked in', async () => {
  const { plain, other, out } = await files()
  const seconds = Object.entries(plain).filter(([name]) => name.startsWith('first_stage_model.'))
  const renamed = seconds.map(([name, weight]) => [name.replace('first_stage_model.', 'vae.'), weight])
  const path = writeModel(join(temporaryFolder(), 'second.safetensors'), { ...plain, ...Object.fromEntries(renamed) })
  const vae = join(GOLDEN, 'sd1/pipeline/vae')
  const project = projectOf([path, other], { name: 'weighted-sum' }, { vae })
  expect((await planMerge(project)).warnings.join()).toMatch(/holds a second vae \(vae\.\*; \d+ tensors\).*left out/)
  await merge(project, out)
  expect([...(await readModel(out)).keys()].some((name) => name.startsWith('vae.'))).toBe(false)
})
