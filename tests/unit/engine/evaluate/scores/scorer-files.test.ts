import { cpSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { FusionError } from '../../../../../src-main/contract/errors'
import {
  scorerFilesSchema,
  type ScorerFiles,
  type ScorerName,
} from '../../../../../src-main/contract/evaluate/scores/scorers'
import { openContainer } from '../../../../../src-main/engine/checkpoint/containers/open-container'
import { loadScorer, scorerMemory } from '../../../../../src-main/engine/evaluate/scores/load-scorer'
import { CLIP_VOCABULARY, readModel, temporaryFolder, tensor, writeModel, type ReadTensor } from '../../merge/models'

const GOLDEN = 'tests/golden/rewards'
const HEAD = 'sac+logos+ava1-l14-linearMSE.safetensors'

/** A scorer of the goldens, with the file of its weights and a tensor of each part. */
interface Scorer {
  name: ScorerName
  /** Of the weights, below the set's folder. */
  weights: string
  files: (folder: string) => Partial<ScorerFiles>
  tensors: string[]
}

const SCORERS: Scorer[] = [
  {
    name: 'image-reward',
    weights: 'image-reward/ImageReward.safetensors',
    files: (folder) => ({ 'image-reward': join(folder, 'image-reward') }),
    tensors: [
      'blip.visual_encoder.pos_embed',
      'blip.visual_encoder.blocks.1.attn.qkv.weight',
      'blip.text_encoder.encoder.layer.0.crossattention.self.key.weight',
      'blip.text_encoder.embeddings.LayerNorm.bias',
      'mlp.layers.4.weight',
    ],
  },
  {
    name: 'pick-score',
    weights: 'pickscore/model.safetensors',
    files: (folder) => ({ 'pick-score': join(folder, 'pickscore') }),
    tensors: ['vision_model.encoder.layers.1.mlp.fc1.weight', 'text_model.final_layer_norm.bias'],
  },
  {
    name: 'hps',
    weights: 'hps/HPS_tiny.safetensors',
    files: (folder) => ({ hps: join(folder, 'hps', 'HPS_tiny.safetensors') }),
    tensors: [
      'visual.conv1.weight',
      'visual.transformer.resblocks.1.attn.in_proj_weight',
      'transformer.resblocks.0.mlp.c_proj.bias',
      'visual.proj',
      'ln_final.weight',
    ],
  },
  {
    name: 'aesthetic',
    weights: `aesthetic/${HEAD}`,
    files: (folder) => ({ aesthetic: join(folder, 'aesthetic', HEAD), aestheticClip: join(folder, 'aesthetic/clip') }),
    tensors: ['layers.0.weight', 'layers.6.bias'],
  },
]

function copied(): string {
  const folder = temporaryFolder()
  cpSync(GOLDEN, folder, { recursive: true })
  return folder
}

const load = ({ name, files }: Scorer, folder: string) =>
  loadScorer(name, scorerFilesSchema.parse(files(folder)), { device: 'cpu' })

const picture = { width: 50, height: 40, pixels: Uint8Array.from({ length: 50 * 40 * 3 }, (_, i) => i % 251) }

describe.each(SCORERS)('weights of $name', (scorer) => {
  const { weights, tensors } = scorer

  async function changed(change: (own: Map<string, ReadTensor>) => void): Promise<string> {
    const folder = copied()
    const path = join(folder, weights)
    const own = await readModel(path)
    change(own)
    writeModel(path, Object.fromEntries(own))
    return folder
  }

  it('score pictures, each for itself', async () => {
    const loaded = await load(scorer, GOLDEN)
    const dark = { ...picture, pixels: new Uint8Array(50 * 40 * 3) }
    // More than run together.
    const many = await loaded.scores([dark, picture, dark, dark, dark, picture], 'a red apple')
    const [alone] = await loaded.scores([picture], 'a red apple')
    await loaded.release()
    expect(loaded.name).toBe(scorer.name)
    expect(many).toHaveLength(6)
    expect(many[1]).toBeCloseTo(alone!, 4)
    expect(many[5]).toBeCloseTo(alone!, 4)
    expect(many[0]).not.toBeCloseTo(alone!, 4)
  })

  it.each(tensors)('without %s are refused by its name', async (name) => {
    const folder = await changed((own) => own.delete(name))
    const error = await load(scorer, folder).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ kind: 'malformed', message: expect.stringContaining(name) })
    expect(error).toMatchObject({ message: expect.stringContaining(join(folder, weights)), hint: expect.any(String) })
  })

  it.each(tensors)('with %s in another shape are refused by its name', async (name) => {
    const folder = await changed((own) => {
      const { shape, values, type } = own.get(name)!
      const others = [...shape.slice(0, -1), shape.at(-1)! + 1]
      const length = others.reduce((product, size) => product * size, 1)
      const data = Float32Array.from({ length }, (_, i) => values[i % values.length]!)
      own.set(name, tensor(others, data, type as 'F32') as ReadTensor)
    })
    const error = await load(scorer, folder).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ message: expect.stringContaining(weights) })
    expect(error).toMatchObject({ message: expect.stringContaining(name), hint: expect.any(String) })
    expect(['malformed', 'incompatible']).toContain((error as FusionError).kind)
  })

  it.each(tensors)('with NaN in %s are refused by its name', async (name) => {
    const folder = await changed((own) => {
      const { shape, values, type } = own.get(name)!
      own.set(name, tensor(shape, values.with(values.length - 1, NaN), type as 'F32') as ReadTensor)
    })
    const error = await load(scorer, folder).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ kind: 'not-finite', message: expect.stringContaining(`in the tensor ${name}.`) })
    expect(error).toMatchObject({ message: expect.stringContaining(join(folder, weights)), hint: expect.any(String) })
  })

  it('in a file that was cut off are refused by the tensor at which it ends', async () => {
    const folder = copied()
    const path = join(folder, weights)
    const own = [...(await readModel(path)).keys()]
    truncateSync(path, statSync(path).size - 1)
    const error = (await load(scorer, folder).catch((thrown: unknown) => thrown)) as Error
    expect(error).toMatchObject({ kind: 'malformed', message: expect.stringContaining(path) })
    expect(own.some((name) => error.message.includes(`it ends in the tensor ${name} or`))).toBe(true)
  })
})

describe('a pickle that was cut off', () => {
  it.each([
    ['image-reward', 'image-reward/ImageReward.pt'],
    ['hps', 'hps/HPS_tiny.pt'],
    ['aesthetic', `aesthetic/${HEAD.replace('safetensors', 'pth')}`],
  ] as const)('is refused by the tensor in which it ends: %s', async (name, file) => {
    const folder = copied()
    const path = join(folder, file)
    const { file: whole, tensors } = await openContainer(path)
    const files = scorerFilesSchema.parse({ [name]: path, clip: join(folder, 'aesthetic/clip') })
    for (const share of [0.9, 0.6]) {
      const size = Math.floor(whole.size * share)
      truncateSync(path, size)
      // In its data, or in the header in front of them.
      const last = tensors.findLastIndex(({ offset }) => offset <= size)
      const expected = tensors.slice(last, last + 2).map((tensor) => `it ends in the tensor ${tensor.name}.`)
      const error = (await scorerMemory(name, files).catch((thrown: unknown) => thrown)) as Error
      expect(error).toMatchObject({ kind: 'malformed', message: expect.stringContaining(path) })
      expect(expected).toContain(/it ends in .*$/.exec(error.message)?.[0])
    }
    // Inside of the pickle that names the tensors.
    truncateSync(path, 200)
    await expect(scorerMemory(name, files)).rejects.toMatchObject({
      kind: 'malformed',
      message: expect.stringContaining(path),
    })
  })
})

describe('ImageReward’s folder', () => {
  const of = (folder: string) => scorerFilesSchema.parse({ 'image-reward': join(folder, 'image-reward') })

  it('needs the weights and the vocabulary, and no more', async () => {
    const folder = copied()
    const own = join(folder, 'image-reward')
    const expected = await scorerMemory('image-reward', of(folder))
    rmSync(join(own, 'med_config.json'))
    rmSync(join(own, 'ImageReward.safetensors'))
    expect(await scorerMemory('image-reward', of(folder))).toBe(expected)
    renameSync(join(own, 'bert-base-uncased/vocab.txt'), join(own, 'vocab.txt'))
    expect(await scorerMemory('image-reward', of(folder))).toBe(expected)
    rmSync(join(own, 'vocab.txt'))
    await expect(scorerMemory('image-reward', of(folder))).rejects.toMatchObject({
      kind: 'not-found',
      message: `${own} has no vocab.txt.`,
    })
    rmSync(join(own, 'ImageReward.pt'))
    await expect(scorerMemory('image-reward', of(folder))).rejects.toMatchObject({
      kind: 'not-found',
      message: `${own} has no ImageReward.safetensors or ImageReward.pt.`,
    })
  })

  it('is refused where its med_config.json has more layers than its weights, by the first that is missing', async () => {
    const folder = copied()
    const path = join(folder, 'image-reward/med_config.json')
    const config = JSON.parse(readFileSync(path, 'utf8')) as { num_hidden_layers: number }
    config.num_hidden_layers++
    writeFileSync(path, JSON.stringify(config))
    await expect(scorerMemory('image-reward', of(folder))).rejects.toMatchObject({
      kind: 'malformed',
      message: expect.stringContaining(`layer.${config.num_hidden_layers - 1}.attention`),
    })
  })

  it('is refused with a vocabulary that is longer than the weights know', async () => {
    const folder = copied()
    const path = join(folder, 'image-reward/bert-base-uncased/vocab.txt')
    writeFileSync(path, `${readFileSync(path, 'utf8')}more\n`)
    await expect(scorerMemory('image-reward', of(folder))).rejects.toMatchObject({ kind: 'incompatible' })
  })
})

describe('an HPS file', () => {
  const path = (folder: string) => join(folder, 'hps/HPS_tiny.safetensors')

  it('takes the vocabulary from beside it, from a folder that was named, or from one that lies near', async () => {
    const folder = copied()
    const named = scorerFilesSchema.parse({ hps: path(folder), clip: join(folder, 'aesthetic/clip') })
    const alone = scorerFilesSchema.parse({ hps: path(folder) })
    const expected = await scorerMemory('hps', alone)
    renameSync(join(folder, 'pickscore'), join(folder, 'another'))
    expect(await scorerMemory('hps', named)).toBe(expected)
    await expect(scorerMemory('hps', alone, { device: 'cpu', clipVocabulary: CLIP_VOCABULARY })).rejects.toMatchObject({
      kind: 'not-found',
      message: expect.stringContaining('No vocabulary of 674 tokens was found'),
    })
    for (const name of ['vocab.json', 'merges.txt'])
      renameSync(join(folder, 'another', name), join(folder, 'hps', name))
    expect(await scorerMemory('hps', alone)).toBe(expected)
  })

  it('without a config is refused unless its shapes are those of ViT-H/14', async () => {
    const folder = copied()
    rmSync(join(folder, 'hps/open_clip_config.json'))
    await expect(scorerMemory('hps', scorerFilesSchema.parse({ hps: path(folder) }))).rejects.toMatchObject({
      kind: 'unsupported',
      hint: 'Put the open_clip_config.json of the model beside it.',
    })
  })

  it('is refused where its config asks for what is not computed', async () => {
    const folder = copied()
    const config = join(folder, 'hps/open_clip_config.json')
    const own = JSON.parse(readFileSync(config, 'utf8')) as { model_cfg: { vision_cfg: object } }
    own.model_cfg.vision_cfg = { ...own.model_cfg.vision_cfg, patch_dropout: 0.5 }
    writeFileSync(config, JSON.stringify(own))
    await expect(scorerMemory('hps', scorerFilesSchema.parse({ hps: path(folder) }))).rejects.toMatchObject({
      kind: 'unsupported',
      message: expect.stringContaining('patch_dropout = 0.5'),
    })
  })
})

describe('the aesthetic head', () => {
  const head = join(GOLDEN, 'aesthetic', HEAD)

  it('takes the CLIP model of the CLIP score where it has none of its own', async () => {
    const clip = join(GOLDEN, 'aesthetic/clip')
    const [own, shared] = [{ aestheticClip: clip }, { clip }].map((files) =>
      scorerMemory('aesthetic', scorerFilesSchema.parse({ aesthetic: head, ...files })),
    )
    expect(await own).toBe(await shared)
    await expect(scorerMemory('aesthetic', scorerFilesSchema.parse({ aesthetic: head }))).rejects.toMatchObject({
      kind: 'validation',
      message: 'The CLIP model of the aesthetic predictor was not named.',
    })
  })

  it('is refused with a CLIP model of another width', async () => {
    const files = scorerFilesSchema.parse({ aesthetic: head, clip: join(GOLDEN, 'pickscore') })
    await expect(scorerMemory('aesthetic', files)).rejects.toMatchObject({
      kind: 'incompatible',
      message: expect.stringContaining('takes 24 values'),
    })
  })
})

describe('loading a scorer', () => {
  it('stops where it is cancelled', async () => {
    const files = scorerFilesSchema.parse({ 'pick-score': join(GOLDEN, 'pickscore') })
    await expect(loadScorer('pick-score', files, { device: 'cpu', signal: AbortSignal.abort() })).rejects.toMatchObject(
      { kind: 'cancelled' },
    )
  })
})
