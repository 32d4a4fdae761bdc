import { expect, it } from 'vitest'
import { loadProject, type ModelOptions } from '../../../../src-main/cli/options/model-options'
import { methodSchema } from '../../../../src-main/contract/document/project'
import { methodNamed } from '../../../../src-main/engine/merge/methods/index'
import { unusedSettings } from '../../../../src-main/engine/merge/plan/rules'

const MODELS: ModelOptions = {
  base: 'base.safetensors',
  specialist: ['one.safetensors'],
  strengths: [],
  blockWeights: [],
  layerWeights: [],
  transposed: [],
  groups: [],
}
const load = (options: Partial<ModelOptions>, isMeasured = false) =>
  loadProject(undefined, { ...MODELS, ...options }, isMeasured)

it.each<[Partial<ModelOptions>, RegExp]>([
  [{ method: 'soup', density: 0.5 }, /^Soup does not use --density\. Methods that do: TIES, DARE/],
  [{ method: 'ties', slerpForm: 'mergekit' }, /^TIES does not use --slerp-form\. Methods that do: SLERP/],
  [{ method: 'soup', seed: 3 }, /^Soup does not use --seed/],
  [{ samples: 50 }, /^--samples counts only with --statistics sampled/],
  [{ method: 'slerp', axis: 'rows' }, /^--axis counts only with --slerp-form nuslerp/],
])('%j is refused: the method does not use it', async (options, message) => {
  await expect(load(options)).rejects.toThrow(message)
})

it('what the method uses is taken', async () => {
  expect((await load({ method: 'ties', density: 0.3 })).method).toMatchObject({ name: 'ties', density: 0.3 })
  expect((await load({ statistics: 'sampled', samples: 50 })).method).toMatchObject({ samples: 50 })
  expect((await load({ method: 'slerp', slerpForm: 'nuslerp', axis: 'rows' })).method).toMatchObject({ axis: 'rows' })
})

it('a comparison takes seeds, which it uses for other methods', async () => {
  expect((await load({ method: 'soup', seed: 3 }, true)).method.seed).toBe(3)
  await expect(load({ method: 'soup', density: 0.5 }, true)).rejects.toThrow(/--density/)
})

it('a project that gives what its method does not use is merged with a note', () => {
  const notes = (settings: object): string[] => {
    const method = methodSchema.parse(settings)
    return unusedSettings(method, methodNamed(method.name))
  }
  expect(notes({ name: 'soup', density: 0.2, seed: 5 })).toEqual(['Soup does not use the density that is given: 0.2.'])
  expect(notes({ name: 'soup', density: 0.5 })).toEqual([])
  expect(notes({ name: 'ties', density: 0.2, threshold: 'auto' })).toEqual([
    'TIES does not use the threshold that is given: auto.',
  ])
  expect(notes({ name: 'ties', density: 0.2, scale: 2 })).toEqual([])
})
