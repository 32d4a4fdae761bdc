import { mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { hubCacheFolder } from '../../../../src-main/engine/library/program-folders'
import { put, putPickledWord, putPipeline, putRepository, putText, SHAPES, temporaryFolder } from './library-trees'
import { inWords, list } from './listing'

describe("A1111's web UI", () => {
  it('has models in models/ and words in embeddings/, and nothing else is looked at', async () => {
    const root = temporaryFolder()
    put(root, 'models/Stable-diffusion/sd15.safetensors')
    put(root, 'models/Stable-diffusion/anime/other.safetensors')
    put(root, 'models/Lora/style.safetensors', SHAPES.lora)
    put(root, 'models/LyCORIS/xl.safetensors', SHAPES.sdxlLora)
    put(root, 'models/VAE/good.vae.safetensors', SHAPES.vae)
    putPickledWord(root, 'embeddings/bad-hands.pt')
    put(root, 'models/ESRGAN/upscaler.safetensors', SHAPES.flux)
    put(root, 'venv/lib/torch/test.safetensors')
    const { entries, folders, notes } = await list(root)
    expect(folders).toEqual([{ path: root, program: 'webui', models: 6, problem: null }])
    expect(notes).toEqual([])
    expect(inWords(entries)).toEqual([
      'bad-hands: embedding',
      'good.vae: vae',
      'other: checkpoint SD 1.x',
      'sd15: checkpoint SD 1.x',
      'style: adapter SD 1.x',
      'xl: adapter SDXL',
    ])
    expect(entries.find(({ name }) => name === 'style')).toMatchObject({
      ...{ form: 'LoRA (low-rank adapter)', rank: 8, program: 'webui', isFolder: false, problem: null },
    })
    expect(entries.find(({ name }) => name === 'bad-hands')?.note).toMatch(/--embedding/)
  })

  it('is Forge with modules_forge', async () => {
    const root = temporaryFolder()
    mkdirSync(join(root, 'modules_forge'))
    put(root, 'models/Stable-diffusion/sd15.safetensors')
    put(root, 'models/text_encoder/clip_g.safetensors', SHAPES.textEncoder)
    const { entries, folders } = await list(root)
    expect(folders[0]?.program).toBe('forge')
    expect(inWords(entries)).toEqual(['clip_g: text-encoder SDXL', 'sd15: checkpoint SD 1.x'])
  })
})

describe('ComfyUI', () => {
  it('has models in the folders of models/, and in those that extra_model_paths.yaml names', async () => {
    const root = temporaryFolder()
    put(root, 'ComfyUI/models/checkpoints/sd15.safetensors')
    put(root, 'ComfyUI/models/loras/style.safetensors', SHAPES.lora)
    put(root, 'ComfyUI/models/diffusion_models/inpaint.safetensors', SHAPES.unet)
    put(root, 'ComfyUI/models/unet/flux.safetensors', SHAPES.flux)
    put(root, 'ComfyUI/models/vae/good.safetensors', SHAPES.vae)
    put(root, 'ComfyUI/models/embeddings/word.safetensors', SHAPES.embedding)
    put(root, 'ComfyUI/models/controlnet/control.safetensors', SHAPES.flux)
    put(root, 'ComfyUI/custom_nodes/node/model.safetensors', SHAPES.flux)
    put(root, 'webui/models/Stable-diffusion/other.safetensors')
    put(root, 'webui/models/Lora/far.safetensors', SHAPES.sdxlLora)
    put(root, 'webui/models/LyCORIS/lyco.safetensors', SHAPES.lora)
    const yaml = [
      'a111:',
      '    base_path: ../webui/',
      '    checkpoints: models/Stable-diffusion',
      '    loras: |',
      '         models/Lora',
      '         models/LyCORIS',
      '    controlnet: models/ControlNet',
      'away:',
      '    base_path: ../nowhere',
      '    checkpoints: models',
    ]
    putText(root, 'ComfyUI/extra_model_paths.yaml', yaml.join('\n'))
    const { entries, folders, notes } = await list(join(root, 'ComfyUI'))
    expect(folders[0]).toMatchObject({ program: 'comfyui', models: 9 })
    expect(notes).toEqual([expect.stringMatching(/nowhere.models is not there/)])
    expect(inWords(entries)).toEqual([
      'far: adapter SDXL',
      'flux: other FLUX',
      'good: vae',
      'inpaint: unet SD 2.x inpainting',
      'lyco: adapter SD 1.x',
      'other: checkpoint SD 1.x',
      'sd15: checkpoint SD 1.x',
      'style: adapter SD 1.x',
      'word: embedding SD 1.x',
    ])
  })

  it('is also found by extra_model_paths.yaml alone; what else lies there is looked through', async () => {
    const root = temporaryFolder()
    put(root, 'far/a.safetensors')
    put(root, 'near/other/b.safetensors')
    putText(root, 'near/extra_model_paths.yaml', 'x:\n  checkpoints: ../far\n')
    const { entries, folders } = await list(join(root, 'near'))
    expect(folders).toMatchObject([{ program: 'comfyui', models: 2 }])
    expect(inWords(entries)).toEqual(['a: checkpoint SD 1.x', 'b: checkpoint SD 1.x'])
  })

  it('with a damaged extra_model_paths.yaml still has its own folders', async () => {
    const root = temporaryFolder()
    put(root, 'models/checkpoints/sd15.safetensors')
    putText(root, 'extra_model_paths.yaml', 'a: [\n  b: "')
    const { entries, notes } = await list(root)
    expect(entries).toHaveLength(1)
    expect(notes).toEqual([expect.stringMatching(/extra_model_paths.yaml is not valid YAML/)])
  })
})

describe("Hugging Face's cache", () => {
  it.runIf(process.platform !== 'win32')('has snapshots of links; its names are those of repositories', async () => {
    const root = temporaryFolder()
    const hub = join(root, 'hub')
    putRepository(hub, 'someone/loras', { 'a/style.safetensors': SHAPES.lora, 'b.safetensors': SHAPES.sdxlLora })
    const pipeline = putRepository(hub, 'org/model', { 'model-pruned.safetensors': SHAPES.sd1 })
    putPipeline(pipeline, '.')
    for (const folder of [root, hub]) {
      const { entries, folders } = await list(folder)
      expect(folders[0]).toMatchObject({ program: 'hugging-face', models: 4 })
      expect(inWords(entries)).toEqual([
        'org/model/model-pruned: checkpoint SD 1.x',
        'org/model: diffusers SD 1.x',
        'someone/loras/a/style: adapter SD 1.x',
        'someone/loras/b: adapter SDXL',
      ])
    }
    const repository = await list(join(hub, 'models--org--model'))
    expect(inWords(repository.entries)).toEqual([
      'org/model/model-pruned: checkpoint SD 1.x',
      'org/model: diffusers SD 1.x',
    ])
  })

  it.each<[NodeJS.ProcessEnv, string]>([
    [{ HF_HUB_CACHE: '/a/hub', HF_HOME: '/b' }, '/a/hub'],
    [{ HUGGINGFACE_HUB_CACHE: '/a/old' }, '/a/old'],
    [{ HF_HOME: '/b' }, join('/b', 'hub')],
    [{ XDG_CACHE_HOME: '/c' }, join('/c', 'huggingface', 'hub')],
  ])('is where %j says', (env, folder) => {
    expect(hubCacheFolder(env)).toBe(folder)
  })
})

it('InvokeAI has diffusers folders and files by base and kind', async () => {
  const root = temporaryFolder()
  putText(root, 'invokeai.yaml', 'schema_version: 4\n')
  putPipeline(root, 'models/sd-1/main/dreams')
  put(root, 'models/sdxl/lora/style.safetensors', SHAPES.sdxlLora)
  put(root, 'models/any/loose/checkpoint.safetensors')
  put(root, 'outputs/images/not-looked-at.safetensors')
  const { entries, folders } = await list(root)
  expect(folders[0]?.program).toBe('invokeai')
  expect(inWords(entries)).toEqual(['checkpoint: checkpoint SD 1.x', 'dreams: diffusers SD 1.x', 'style: adapter SDXL'])
})

it("a person's own folder is looked through, and programs in it are found", async () => {
  const root = temporaryFolder()
  put(root, 'mine/deep/er/model.safetensors')
  put(root, 'ComfyUI/models/checkpoints/in-comfy.safetensors')
  put(root, 'ComfyUI/custom_nodes/skipped.safetensors')
  putText(root, 'env/pyvenv.cfg')
  put(root, 'env/lib/skipped.safetensors')
  put(root, '.hidden/skipped.safetensors')
  putPipeline(root, 'pipeline')
  putText(root, 'notes.txt')
  const { entries, folders } = await list(root)
  expect(folders[0]).toMatchObject({ program: 'folder', models: 3 })
  expect(entries.map(({ name, program }) => `${name} ${program}`).sort()).toEqual([
    'in-comfy comfyui',
    'model folder',
    'pipeline folder',
  ])
  expect(entries.find(({ name }) => name === 'pipeline')).toMatchObject({ isFolder: true, kind: 'diffusers' })
})

it.runIf(process.platform !== 'win32')('folders that are linked are looked through once, circles too', async () => {
  const [root, elsewhere] = [temporaryFolder(), temporaryFolder()]
  put(elsewhere, 'models/linked.safetensors')
  put(root, 'models/Stable-diffusion/own.safetensors')
  symlinkSync(join(elsewhere, 'models'), join(root, 'models/Stable-diffusion/more'))
  symlinkSync(root, join(elsewhere, 'models', 'circle'))
  symlinkSync('self', join(root, 'models/Stable-diffusion', 'self'))
  const { entries } = await list(root)
  expect(inWords(entries)).toEqual(['linked: checkpoint SD 1.x', 'own: checkpoint SD 1.x'])
})
