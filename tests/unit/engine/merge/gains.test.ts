import { join } from 'node:path'
import { expect, it } from 'vitest'
import { methodSchema, type MethodName } from '../../../../src-main/contract/document/project'
import { weightsKey } from '../../../../src-main/contract/document/merge-settings'
import { methodWords } from '../../../../src-main/contract/methods/words'
import { RECIPE_KEY } from '../../../../src-main/engine/checkpoint/describe'
import { readSafetensors } from '../../../../src-main/engine/checkpoint/containers/safetensors'
import { fusedProject } from '../../../../src-main/engine/adapter-fusion/fuse-adapters'
import { planMerge } from '../../../../src-main/engine/merge/open-model'
import { family } from '../../demo-family'
import { merge, projectOf, readModel, temporaryFolder } from './models'

const FILE = 'diffusion_pytorch_model.safetensors'
/** A layer with a bias, of whatever kind, and a tensor that is no matrix. */
const GAINED = ['mid_block.attentions.0.proj_out', 'conv_norm_out.weight']
const gains = [
  { pattern: 'mid_block.*', weight: 3 },
  { pattern: GAINED[0]!, weight: 0.7 },
  { pattern: GAINED[1]!, weight: 1.25 },
]

const projectWith = (method: Record<string, unknown>) =>
  projectOf(
    [join(family.base.path, 'unet'), ...family.specialists.slice(0, 2).map(({ path }) => path)],
    { threshold: 0.5, ...method },
    { dtype: 'fp32' },
  )

it.each<[MethodName, object]>([
  ['soup', {}],
  ['ties', {}],
  ['model-stock', {}],
  ['tsv', {}],
  ['featurefusion', {}],
  ['featurefusion', { reuse: true }],
])('%s %o: merged layers are multiplied by their gain, whatever merged them', async (name, more) => {
  const folder = temporaryFolder()
  const options = { cacheFolder: join(folder, 'cache') }
  const read = async (own: object, place: string) => {
    await merge(projectWith({ name, ...more, ...own }), join(folder, place), options)
    return readModel(join(folder, place, FILE))
  }
  const [plain, scaled] = [await read({}, 'plain'), await read({ gains }, 'scaled')]
  const [first, second] = GAINED
  let farthest = 0
  for (const [tensor, before] of plain) {
    const gain = tensor.startsWith(`${first}.`) ? 0.7 : tensor === second ? 1.25 : tensor.startsWith('mid_') ? 3 : 1
    const after = scaled.get(tensor)!
    if (gain === 1) {
      expect(Buffer.compare(after.bytes, before.bytes), tensor).toBe(0)
      continue
    }
    const [a, b] = [after.values, before.values]
    b.forEach(
      (value, at) => (farthest = Math.max(farthest, Math.abs(a[at]! - gain * value) / (1e-9 + Math.abs(value)))),
    )
  }
  // Rounded once more than a file that is scaled afterwards.
  expect(farthest).toBeLessThan(1e-6)
})

it('is in the recipe and in words, and counts among what the weights depend on', async () => {
  const folder = join(temporaryFolder(), 'out')
  await merge(projectWith({ name: 'soup', gains }), folder)
  const { metadata } = await readSafetensors(join(folder, FILE))
  expect(JSON.parse(metadata[RECIPE_KEY]!)).toMatchObject({ settings: { gains } })
  expect(methodWords(methodSchema.parse({ name: 'soup', gains }))).toBe('Soup, gains of 3 layers')
  const [with_, without] = [projectWith({ gains }), projectWith({})]
  expect(weightsKey(with_)).not.toBe(weightsKey(without))
})

it('is refused where it matches nothing that is merged, and in an adapter', async () => {
  const project = projectWith({ name: 'soup', gains: [{ pattern: 'mid_block.atentions.0.proj_out', weight: 2 }] })
  await expect(planMerge(project)).rejects.toMatchObject({
    message: expect.stringContaining('There is a gain for the layers mid_block.atentions.0.proj_out') as string,
    hint: expect.stringContaining('mid_block.attentions.0.proj_out') as string,
  })
  expect(() => fusedProject(project)).toThrow(/no place for the gains/)
})
