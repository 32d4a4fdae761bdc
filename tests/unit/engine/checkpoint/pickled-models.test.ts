import { createHash } from 'node:crypto'
import { cpSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openCheckpoint } from '../../../../src-main/engine/checkpoint/open'
import { loadPipeline } from '../../../../src-main/engine/diffusion/load-pipeline'
import { readTextualInversion } from '../../../../src-main/engine/diffusion/textual-inversion'
import { inspectLayers, openInspection } from '../../../../src-main/engine/inspect/inspect'
import { merge, projectOf, readModel, temporaryFolder, writeModel, tensor as values } from '../merge/models'
import { dict, int, pickle, tensor, torchFile } from './containers/pickle/build-pickles'
import { pickledModel } from './pickled-models'

const GOLDEN = resolve('tests/golden')
const SINGLE = join(GOLDEN, 'layouts/sd1-ldm.safetensors')
const PICKLED = join(GOLDEN, 'layouts/sd1-ldm-fp16.ckpt')
const PIPELINE = join(GOLDEN, 'sd1/pipeline')
const FIXTURES = resolve(__dirname, 'containers/pickle/fixtures')

/** What a merge of models gives, tensor by tensor: as many bytes each are slow to compare. */
async function merged(
  paths: readonly string[],
  method: Record<string, unknown>,
  folder: string,
): Promise<Record<string, string>> {
  const out = join(folder, 'merged.safetensors')
  await merge(projectOf(paths, method, { layout: 'single-file', include: ['unet', 'text_encoder', 'vae'] }), out)
  const tensors = await readModel(out)
  rmSync(out)
  const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
  return Object.fromEntries([...tensors].map(([name, { bytes }]) => [name, digest(bytes)]))
}

/** sd1's pipeline with its weights as PyTorch wrote them before there was safetensors. */
async function pickledPipeline(folder: string, reversed = false): Promise<string> {
  const path = join(folder, 'pipeline')
  cpSync(PIPELINE, path, { recursive: true })
  for (const [part, file] of [
    ['unet', 'diffusion_pytorch_model'],
    ['vae', 'diffusion_pytorch_model'],
    ['text_encoder', 'model'],
  ] as const) {
    const source = join(path, part, `${file}.safetensors`)
    const name = file === 'model' ? 'pytorch_model.bin' : `${file}.bin`
    writeFileSync(join(path, part, name), await pickledModel(source, { reversed }))
    rmSync(source)
  }
  return path
}

async function picture(path: string): Promise<Float32Array> {
  const pipeline = await loadPipeline(await openCheckpoint(path), { device: 'cpu' })
  const [made] = await pipeline.generate({
    pictures: [{ prompt: 'a house', seed: 1 }],
    steps: 2,
    guidance: 5,
    width: 64,
    height: 64,
    schedulerConfig: { _class_name: 'DDIMScheduler' },
  })
  await pipeline.release()
  return made!.latents.data
}

describe('a single file that PyTorch wrote', () => {
  it('opens like the safetensors file of the same model, and names what is left aside', async () => {
    const [own, other] = await Promise.all([PICKLED, SINGLE].map((path) => openCheckpoint(path)))
    expect(own).toMatchObject({ layout: 'single-file', architecture: other!.architecture, kind: null })
    for (const [name, { tensors }] of other!.components)
      expect([...own!.components.get(name)!.tensors.keys()].sort()).toEqual([...tensors.keys()].sort())
    expect(own!.extras.map(({ name }) => name).sort()).toEqual(other!.extras.map(({ name }) => name).sort())
    expect(own!.problems.map(({ message }) => message).join()).toMatch(
      /left aside is what belongs to a training .*global_step.*callbacks, optimizer_states/,
    )
  })

  it.each([{ name: 'soup' }, { name: 'ties' }])(
    'merges as base and as specialist to the same bytes ($name)',
    async (method) => {
      const folder = temporaryFolder()
      const tensors = join(folder, 'same.pt')
      writeFileSync(
        tensors,
        await pickledModel(SINGLE, { wrap: (weights) => dict({ state_dict: weights, epoch: int(3) }) }),
      )
      const turned = join(folder, 'turned.ckpt')
      writeFileSync(turned, await pickledModel(SINGLE, { reversed: true }))
      const expected = await merged([SINGLE, PICKLED, PIPELINE], method, folder)
      expect(Object.keys(expected).length).toBeGreaterThan(900)
      expect(await merged([tensors, PICKLED, PIPELINE], method, folder)).toEqual(expected)
      expect(await merged([PICKLED, turned, PIPELINE], method, folder)).toEqual(
        await merged([PICKLED, SINGLE, PIPELINE], method, folder),
      )
      expect(await merged([turned, PICKLED, PIPELINE], method, folder)).toEqual(expected)
    },
  )

  it('is inspected like the same model', async () => {
    const folder = temporaryFolder()
    const turned = join(folder, 'turned.ckpt')
    writeFileSync(turned, await pickledModel(SINGLE, { reversed: true }))
    const summaries = async (paths: readonly string[]): Promise<unknown[]> => {
      const found: unknown[] = []
      await inspectLayers(await openInspection(projectOf(paths)), {}, (summary) => found.push(summary))
      return found.sort((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b)))
    }
    const own = await summaries([turned, PICKLED])
    expect(own.length).toBeGreaterThan(50)
    expect(own).toEqual(await summaries([SINGLE, PICKLED]))
  })
})

describe('folders whose weights PyTorch wrote', () => {
  it.each([false, true])(
    'open, merge and draw like those of safetensors (turned: %s)',
    { timeout: 120_000 },
    async (reversed) => {
      const folder = temporaryFolder()
      const path = await pickledPipeline(folder, reversed)
      const checkpoint = await openCheckpoint(path)
      expect(checkpoint).toMatchObject({ layout: 'diffusers-pipeline', architecture: 'sd1', problems: [] })
      expect([...checkpoint.components.keys()]).toEqual(['unet', 'text_encoder', 'vae'])
      expect(await merged([path, SINGLE], { name: 'soup' }, folder)).toEqual(
        await merged([PIPELINE, SINGLE], { name: 'soup' }, folder),
      )
      expect(await picture(path)).toEqual(await picture(PIPELINE))
    },
  )

  it('are read from shards, and safetensors goes before them', async () => {
    const folder = join(temporaryFolder(), 'unet')
    cpSync(join(PIPELINE, 'unet'), folder, { recursive: true })
    const source = join(folder, 'diffusion_pytorch_model.safetensors')
    const names = [...(await readModel(source)).keys()]
    const places = Object.fromEntries(
      names.map((name, index) => [name, `diffusion_pytorch_model-0000${(index % 2) + 1}-of-00002.bin`]),
    )
    for (const shard of new Set(Object.values(places)))
      writeFileSync(join(folder, shard), await pickledModel(source, { only: (name) => places[name] === shard }))
    writeFileSync(join(folder, 'diffusion_pytorch_model.bin.index.json'), JSON.stringify({ weight_map: places }))
    expect((await openCheckpoint(folder)).files.map(({ path }) => path)).toEqual([source])
    renameSync(source, join(folder, '..', 'other.safetensors'))
    const sharded = await openCheckpoint(folder)
    expect(sharded).toMatchObject({ architecture: 'sd1', problems: [] })
    expect(sharded.files).toHaveLength(2)
    expect(sharded.components.get('unet')!.tensors.size).toBe(names.length)
  })

  it.each(['fp16', 'non_ema'])('are the plain ones, though %s lies beside them as safetensors', async (variant) => {
    const folder = join(temporaryFolder(), 'unet')
    cpSync(join(PIPELINE, 'unet'), folder, { recursive: true })
    const source = join(folder, 'diffusion_pytorch_model.safetensors')
    const plain = join(folder, 'diffusion_pytorch_model.bin')
    writeFileSync(plain, await pickledModel(source))
    renameSync(source, join(folder, `diffusion_pytorch_model.${variant}.safetensors`))
    writeFileSync(join(folder, `diffusion_pytorch_model.${variant}.bin`), 'the same once more')
    const { files, problems } = await openCheckpoint(folder)
    expect(files.map(({ path }) => path)).toEqual([plain])
    expect(problems.map(({ message }) => message)).toEqual([
      `${folder}: diffusion_pytorch_model.bin is used; beside it lie diffusion_pytorch_model.${variant}.safetensors.`,
    ])
  })
})

it('a VAE, a text encoder and a set of tensors open by what they are', async () => {
  const folder = temporaryFolder()
  const write = async (name: string, source: string): Promise<string> => {
    writeFileSync(join(folder, name), await pickledModel(source))
    return join(folder, name)
  }
  const vae = await write('vae.vae.pt', join(PIPELINE, 'vae/diffusion_pytorch_model.safetensors'))
  expect(await openCheckpoint(vae)).toMatchObject({ layout: 'vae-file', kind: { title: 'a VAE alone' } })
  const encoder = await write('clip.bin', join(PIPELINE, 'text_encoder/model.safetensors'))
  expect((await openCheckpoint(encoder)).kind?.title).toMatch(/text encoder/)
  const any = writeModel(join(folder, 'any.safetensors'), { 'a.weight': values([2, 2], [1, 2, 3, 4]) })
  expect(await openCheckpoint(await write('any.pth', any))).toMatchObject({ layout: 'generic' })
})

it('an adapter and a textual inversion are called by their names', async () => {
  const folder = temporaryFolder()
  const path = join(folder, 'adapter_model.bin')
  writeFileSync(path, torchFile(pickle(dict({ 'base_model.model.to_q.lora_A.weight': tensor() }))))
  await expect(openCheckpoint(path)).rejects.toMatchObject({ message: expect.stringMatching(/is a LoRA/) as string })
  await expect(openCheckpoint(folder)).rejects.toMatchObject({ message: expect.stringMatching(/is a LoRA/) as string })
  const inversion = join(FIXTURES, 'inversion.pt')
  await expect(openCheckpoint(inversion)).rejects.toMatchObject({
    message: expect.stringMatching(/is a textual inversion/) as string,
  })
})

it('textual inversions of PyTorch are read: A1111’s by the name of the file, diffusers’ by its word', async () => {
  const own = await readTextualInversion(join(FIXTURES, 'inversion.pt'))
  expect(own).toMatchObject({ token: 'inversion', vectors: { text_encoder: { count: 2, width: 4 } } })
  const other = await readTextualInversion(join(FIXTURES, 'learned_embeds.bin'))
  expect(other).toMatchObject({ token: '<style>', vectors: { text_encoder: { count: 1, width: 4 } } })
})
