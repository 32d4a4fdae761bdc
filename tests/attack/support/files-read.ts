import { cpSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { readJsonFile } from '../../../src-main/app/files/json-file'
import { readProject } from '../../../src-main/project/project-file'
import { readJournal } from '../../../src-main/engine/merge/resume/journal-lines'
import { openCalibration } from '../../../src-main/engine/merge/plan/calibration/calibration-file'
import { FusionError } from '../../../src-main/contract/errors'
import { scorerFilesSchema } from '../../../src-main/contract/evaluate/scores/scorers'
import type { Checkpoint } from '../../../src-main/engine/checkpoint/model/checkpoint'
import { hashFile } from '../../../src-main/engine/checkpoint/hash'
import { openCheckpoint } from '../../../src-main/engine/checkpoint/open'
import { writePipelineFiles } from '../../../src-main/engine/checkpoint/pipeline/pipeline-files'
import { readClipPreprocessing } from '../../../src-main/engine/diffusion/clip-image'
import { forcesZeros, schedulerConfigOf } from '../../../src-main/engine/diffusion/pipeline-parts'
import { readTextualInversion } from '../../../src-main/engine/diffusion/textual-inversion'
import { loadTokenizer } from '../../../src-main/engine/tokenizer/vocabulary'
import { findCaptionedImages } from '../../../src-main/engine/evaluate/data/captioned-images'
import { openEvaluationData } from '../../../src-main/engine/evaluate/data/evaluation-data'
import { ResultLines } from '../../../src-main/engine/evaluate/measured/result-lines'
import { readEvaluationSet } from '../../../src-main/engine/evaluate/data/evaluation-set'
import { readExtraModelPaths } from '../../../src-main/engine/library/extra-model-paths'
import { FactsCache } from '../../../src-main/engine/library/facts-cache'
import { listModels } from '../../../src-main/engine/library/list-models'
import { readThumbnail } from '../../../src-main/engine/library/thumbnails'
import { encodePng } from '../../../src-main/engine/image/png'
import { scorerMemory } from '../../../src-main/engine/evaluate/scores/load-scorer'
import { readSmallFile, readSmallText } from '../../../src-main/engine/files/reading/regular-file'
import { SMALL_FILES } from '../../../src-main/engine/files/reading/small-files'
import { z } from 'zod'
import {
  dict,
  legacyFile,
  pickle,
  tensor,
  torchFile,
} from '../../unit/engine/checkpoint/containers/pickle/build-pickles'
import { loadClip } from '../../golden-runner/load-clip'

/** A file that the program reads because somebody names it, or because a model or a folder holds it. */
export interface FileRead {
  what: string
  /** Below the fixture's folder. */
  file: string
  /** Reads it as the program does. */
  read: (folder: string) => unknown
  /** Reading it cannot fail: what cannot be used is as if it were not there. */
  mayBeIgnored?: true
  /** It may be as large as a disk, and is never held in memory as a whole. */
  isLarge?: true
  /** Folders are read as well. */
  mayBeFolder?: true
}

/** Opens a model; what it tells of itself as a problem counts as refused. */
async function openModel(path: string): Promise<Checkpoint> {
  const checkpoint = await openCheckpoint(path)
  for (const { message } of checkpoint.problems) throw new FusionError('malformed', message)
  return checkpoint
}

const model = (folder: string) => openModel(join(folder, 'pipeline'))
/** Opens scorers without loading them: weights are read by then as those of any model. */
async function scorers(folder: string): Promise<void> {
  const at = (file: string): string => join(folder, 'scorers', file)
  const files = scorerFilesSchema.parse({
    'image-reward': at('image-reward'),
    hps: at('hps/HPS_tiny.safetensors'),
    aesthetic: at('aesthetic/head.safetensors'),
    clip: at('aesthetic/clip'),
  })
  for (const name of ['image-reward', 'hps', 'aesthetic'] as const) await scorerMemory(name, files)
}

const pictures = (folder: string) => join(folder, 'pictures')

/**
 * Every file that is read, but those that the program ships. Whoever adds a reader adds a row; the linter knows where
 * Node's own functions for reading are called.
 */
export const FILES_READ: readonly FileRead[] = [
  { what: 'project', file: 'a.fusion.json', read: (f) => readProject(join(f, 'a.fusion.json')) },
  {
    what: 'settings and results of the program',
    file: 'own.json',
    read: (f) => readJsonFile(join(f, 'own.json'), z.unknown()),
    mayBeIgnored: true,
  },
  {
    what: 'single file',
    file: 'calibration.safetensors',
    read: (f) => openCheckpoint(join(f, 'calibration.safetensors')),
  },
  { what: 'single file of PyTorch', file: 'pickled.ckpt', read: (f) => openCheckpoint(join(f, 'pickled.ckpt')) },
  { what: 'the same in its older form', file: 'older.pt', read: (f) => openCheckpoint(join(f, 'older.pt')) },
  {
    what: 'weights of a component that PyTorch wrote',
    file: 'bins/diffusion_pytorch_model.bin',
    read: (f) => openModel(join(f, 'bins')),
  },
  { what: 'weights of the UNet', file: 'pipeline/unet/diffusion_pytorch_model.safetensors', read: model },
  { what: 'weights of a text encoder', file: 'pipeline/text_encoder/model.safetensors', read: model },
  { what: 'config of the UNet', file: 'pipeline/unet/config.json', read: model },
  {
    what: 'index of shards',
    file: 'shards/diffusion_pytorch_model.safetensors.index.json',
    read: (f) => openModel(join(f, 'shards')),
  },
  { what: 'shard', file: 'shards/one.safetensors', read: (f) => openModel(join(f, 'shards')) },
  { what: 'model_index.json', file: 'pipeline/model_index.json', read: model },
  {
    what: 'model_index.json for drawing',
    file: 'pipeline/model_index.json',
    read: (f) => forcesZeros({ path: join(f, 'pipeline') } as Parameters<typeof forcesZeros>[0]),
  },
  {
    what: 'scheduler_config.json',
    file: 'pipeline/scheduler/scheduler_config.json',
    read: async (f) => schedulerConfigOf(await model(f)),
  },
  ...['vocab.json', 'merges.txt', 'tokenizer_config.json'].map((name) => ({
    what: `${name} of a tokenizer`,
    file: `pipeline/tokenizer/${name}`,
    read: (f: string) => loadTokenizer(join(f, 'pipeline/tokenizer')),
  })),
  {
    what: 'special_tokens_map.json',
    file: 'tokenizer/special_tokens_map.json',
    read: (f) => loadTokenizer(join(f, 'tokenizer')),
  },
  {
    what: 'added_tokens.json',
    file: 'tokenizer/added_tokens.json',
    read: (f) => loadTokenizer(join(f, 'tokenizer')),
  },
  {
    what: 'config beside a UNet file',
    file: 'beside/config.json',
    read: (f) => openModel(join(f, 'beside/unet.safetensors')),
  },
  {
    what: 'configuration of LDM beside a UNet file',
    file: 'beside/unet.yaml',
    read: (f) => openModel(join(f, 'beside/unet.safetensors')),
  },
  {
    what: 'preprocessor_config.json',
    file: 'clip/preprocessor_config.json',
    read: (f) => readClipPreprocessing(join(f, 'clip'), 32),
  },
  { what: 'tokenizer.json', file: 'tokenizer/tokenizer.json', read: (f) => loadTokenizer(join(f, 'tokenizer')) },
  {
    what: 'file of the base that is copied into an export',
    file: 'pipeline/tokenizer/merges.txt',
    read: async (f) => writePipelineFiles(await model(f), join(f, 'export')),
    isLarge: true,
    mayBeFolder: true,
  },
  {
    what: 'hashed weights',
    file: 'calibration.safetensors',
    read: (f) => hashFile(join(f, 'calibration.safetensors')),
    isLarge: true,
  },
  {
    what: 'hashes.json',
    file: 'cache/hashes.json',
    read: (f) => hashFile(join(f, 'pictures/a.txt'), { cacheFolder: join(f, 'cache') }),
    mayBeIgnored: true,
  },
  {
    what: 'results of a share',
    file: 'results/1-of-1.jsonl',
    read: (f) => ResultLines.open(join(f, 'results'), 'rest'),
  },
  {
    what: 'journal of an unfinished export',
    file: 'a.journal',
    read: (f) => readJournal(join(f, 'a.journal')),
    mayBeIgnored: true,
  },
  {
    what: 'calibration',
    file: 'calibration.safetensors',
    read: (f) => openCalibration(join(f, 'calibration.safetensors')),
  },
  {
    what: 'textual inversion',
    file: 'inversion.safetensors',
    read: (f) => readTextualInversion(join(f, 'inversion.safetensors')),
  },
  {
    what: 'textual inversion of PyTorch',
    file: 'inversion.pt',
    read: (f) => readTextualInversion(join(f, 'inversion.pt')),
  },
  {
    what: 'model in a library',
    file: 'library/model.safetensors',
    read: async (f) => {
      const { entries } = await listModels([join(f, 'library')])
      if (entries.length !== 1) throw new FusionError('not-found', 'The model is not listed.')
      for (const { problem } of entries) if (problem !== null) throw new FusionError('malformed', problem)
    },
    isLarge: true,
  },
  {
    what: 'picture of a model',
    file: 'library/model.png',
    read: (f) => readThumbnail(join(f, 'library/model.png')),
  },
  {
    what: 'picture in a model',
    file: 'library/model.safetensors',
    read: (f) => readThumbnail(join(f, 'library/model.safetensors')),
  },
  {
    what: 'extra_model_paths.yaml of ComfyUI',
    file: 'comfyui/extra_model_paths.yaml',
    read: (f) => readExtraModelPaths(join(f, 'comfyui/extra_model_paths.yaml')),
  },
  {
    what: 'library.json',
    file: 'cache/library.json',
    read: (f) => FactsCache.open(join(f, 'cache')),
    mayBeIgnored: true,
  },
  {
    what: 'evaluation.json',
    file: 'evaluation/evaluation.json',
    read: (f) => openEvaluationData(join(f, 'evaluation'), 0),
  },
  {
    what: 'latents of a domain',
    file: 'evaluation/flat.safetensors',
    read: (f) => readEvaluationSet(join(f, 'evaluation')),
  },
  { what: 'metadata.jsonl', file: 'pictures/b/metadata.jsonl', read: (f) => findCaptionedImages(pictures(f)) },
  { what: 'captions.json', file: 'pictures/c/captions.json', read: (f) => findCaptionedImages(pictures(f)) },
  { what: 'caption beside a picture', file: 'pictures/a.txt', read: (f) => findCaptionedImages(pictures(f)) },
  {
    what: 'picture',
    file: 'pictures/a.png',
    read: (f) => readSmallFile(join(f, 'pictures/a.png'), SMALL_FILES.picture),
  },
  {
    what: 'file of prompts',
    file: 'prompts.txt',
    read: (f) => readSmallText(join(f, 'prompts.txt'), SMALL_FILES.prompts),
  },
  {
    what: 'config of CLIP',
    file: 'clip/config.json',
    read: async (f) => (await loadClip(join(f, 'clip'))).release(),
  },
  {
    what: 'weights of CLIP',
    file: 'clip/model.safetensors',
    read: async (f) => (await loadClip(join(f, 'clip'))).release(),
  },
  ...[
    'image-reward/ImageReward.safetensors',
    'image-reward/med_config.json',
    'image-reward/bert-base-uncased/vocab.txt',
    'hps/HPS_tiny.safetensors',
    'hps/open_clip_config.json',
    'aesthetic/head.safetensors',
  ].map((file): FileRead => ({ what: `a scorer's ${file}`, file: `scorers/${file}`, read: scorers })),
]

/** A folder with all of them, each as it should be. */
export function fixture(folder: string): string {
  const golden = resolve('tests/golden')
  cpSync(join(golden, 'sd1/pipeline'), join(folder, 'pipeline'), { recursive: true })
  cpSync(join(golden, 'clip/model'), join(folder, 'clip'), { recursive: true })
  for (const name of ['hps', 'aesthetic', 'image-reward'])
    cpSync(join(golden, 'rewards', name), join(folder, 'scorers', name), { recursive: true })
  const head = join(folder, 'scorers/aesthetic', 'sac+logos+ava1-l14-linearMSE')
  renameSync(`${head}.safetensors`, join(folder, 'scorers/aesthetic/head.safetensors'))
  cpSync(resolve('resources/demo/evaluation'), join(folder, 'evaluation'), { recursive: true })
  for (const name of [
    'shards',
    'beside',
    'tokenizer',
    'cache',
    'pictures/b',
    'pictures/c',
    'bins',
    'library',
    'comfyui',
    'results',
  ])
    mkdirSync(join(folder, name), { recursive: true })
  const write = (file: string, contents: string | Uint8Array): void => writeFileSync(join(folder, file), contents)
  const json = (file: string, value: unknown): void => write(file, JSON.stringify(value))
  json('a.fusion.json', { format: 'featurefusion-project', version: 1, models: [{ name: 'a', path: 'pipeline' }] })
  json('own.json', {})
  write('a.journal', '')
  write('results/1-of-1.jsonl', '')
  json('cache/hashes.json', {})
  json('cache/library.json', {})
  const png = encodePng({ width: 1, height: 1, channels: 3, data: new Uint8Array(3) })
  const picture = `data:image/png;base64,${Buffer.from(png).toString('base64')}`
  write('library/model.safetensors', safetensors({ 'conv.weight': [1] }, { 'modelspec.thumbnail': picture }))
  write('library/model.png', png)
  write('comfyui/extra_model_paths.yaml', 'a:\n  checkpoints: b\n')
  write('prompts.txt', 'a house\n')
  for (const name of ['a', 'b/b', 'c/c']) write(`pictures/${name}.png`, 'a picture')
  write('pictures/a.txt', 'a house')
  json('pictures/b/metadata.jsonl', { file_name: 'b.png', text: 'a tree' })
  json('pictures/c/captions.json', { 'c.png': 'a cat' })
  json('tokenizer/special_tokens_map.json', {})
  json('tokenizer/added_tokens.json', {})
  for (const name of ['config.json', 'diffusion_pytorch_model.safetensors'])
    cpSync(join(folder, 'pipeline/unet', name), join(folder, 'beside', name.replace('diffusion_pytorch_model', 'unet')))
  write('beside/unet.yaml', 'model:\n')
  json('tokenizer/tokenizer.json', { model: { vocab: { '<|startoftext|>': 0, '<|endoftext|>': 1 }, merges: [] } })
  const one = safetensors({ 'conv.weight': [1] })
  write('shards/one.safetensors', one)
  json('shards/diffusion_pytorch_model.safetensors.index.json', { weight_map: { 'conv.weight': 'one.safetensors' } })
  const pickled = pickle(dict({ 'conv.weight': tensor() }))
  write('pickled.ckpt', torchFile(pickled))
  write('older.pt', legacyFile(pickled))
  write('bins/diffusion_pytorch_model.bin', torchFile(pickled))
  write('inversion.pt', torchFile(pickle(dict({ '<word>': tensor() }))))
  write('inversion.safetensors', safetensors({ emb_params: [1, 4] }))
  const source = { kind: 'data', domains: ['a'], pictures: 1, timesteps: [0] }
  const record = {
    format: 'featurefusion-calibration',
    version: 1,
    samples: 1,
    seed: 0,
    models: [{ name: 'a', sha256: ['00'], source }],
  }
  write('calibration.safetensors', safetensors({}, { featurefusion_calibration: JSON.stringify(record) }))
  return folder
}

/** A safetensors file of zeros. */
export function safetensors(shapes: Readonly<Record<string, number[]>>, metadata: Record<string, string> = {}): Buffer {
  let at = 0
  const entries = Object.entries(shapes).map(([name, shape]) => {
    const begin = at
    at += 4 * shape.reduce((product, size) => product * size, 1)
    return [name, { dtype: 'F32', shape, data_offsets: [begin, at] }] as const
  })
  const header = Buffer.from(JSON.stringify({ __metadata__: metadata, ...Object.fromEntries(entries) }))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(header.length))
  return Buffer.concat([length, header, Buffer.alloc(at)])
}
