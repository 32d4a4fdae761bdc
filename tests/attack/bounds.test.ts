import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readProject } from '../../src-main/project/project-file'
import { FusionError } from '../../src-main/contract/errors'
import { readClipPreprocessing } from '../../src-main/engine/diffusion/clip-image'
import { readTextualInversion } from '../../src-main/engine/diffusion/textual-inversion'
import { loadPipeline } from '../../src-main/engine/diffusion/load-pipeline'
import { createScheduler } from '../../src-main/engine/schedulers/index'
import { openCheckpoint } from '../../src-main/engine/checkpoint/open'
import { readSafetensors } from '../../src-main/engine/checkpoint/containers/safetensors'
import { readEvaluationSet } from '../../src-main/engine/evaluate/data/evaluation-set'
import { temporaryFolder } from '../unit/engine/merge/models'
import { CommandLine } from './support/command-line'
import { fixture } from './support/files-read'

const MOST_EXTRA_BYTES = 1e9

/** The error in words; it comes soon, and without much memory. */
async function refusal(read: () => unknown): Promise<FusionError> {
  const before = process.memoryUsage.rss()
  const started = performance.now()
  const error = await Promise.resolve()
    .then(read)
    .then(
      () => null,
      (cause: unknown) => cause,
    )
  expect(error).toBeInstanceOf(FusionError)
  expect((error as FusionError).kind).not.toBe('internal')
  expect(performance.now() - started).toBeLessThan(20_000)
  expect(process.memoryUsage.rss() - before).toBeLessThan(MOST_EXTRA_BYTES)
  return error as FusionError
}

const model = { name: 'a', path: 'a' }
const many = <T>(count: number, item: T): T[] => Array<T>(count).fill(item)

describe('a project', () => {
  const PROJECTS: Readonly<Record<string, unknown>> = {
    '500,000 models': { models: many(500_000, model) },
    '100,000 patterns': { models: [{ ...model, layers: many(100_000, { pattern: '*', weight: 1 }) }] },
    'a pattern of 100,000 stars': { models: [{ ...model, layers: [{ pattern: '*'.repeat(1e5), weight: 1 }] }] },
    '100,000 kinds of layers': { models: [model], method: { layerKinds: many(100_000, { pattern: '*' }) } },
    '100,000 blocks': {
      models: [{ ...model, blocks: Object.fromEntries(many(1e5, 0).map((_, index) => [`IN${index}`, 1])) }],
    },
    'samples 1e8': { models: [model], method: { samples: 1e8 } },
    'samples of a calibration': { models: [model], calibration: { samples: 1e8 } },
    'a weight of 1e300': { models: [{ ...model, weight: 1e300 }] },
    'a scale of 1e300': { models: [model], method: { scale: 1e300 } },
    'groups 1e9': { models: [model], method: { layerKinds: [{ pattern: '*', groups: 1e9 }] } },
    'steps 1e9': { models: [model], preview: { steps: 1e9 } },
    '1e5 prompts': { models: [model], preview: { prompts: many(1e5, 'a') } },
    '1e5 seeds': { models: [model], preview: { seeds: many(1e5, 0) } },
    'a prompt of 1e6 characters': { models: [model], preview: { prompts: ['a'.repeat(1e6)] } },
    'pictures 1e12': { models: [model], evaluation: { pictures: 1e12 } },
    'a name with a line break': { models: [{ ...model, name: 'a\nb' }] },
    'a name of 1e6 characters': { models: [{ ...model, name: 'a'.repeat(1e6) }] },
    'a path with a null': { models: [{ ...model, path: 'a\0b' }] },
    'notes of 1e6 characters': { models: [model], output: { notes: 'a'.repeat(1e6) } },
    'a depth of 100,000': JSON.parse('[null]'),
  }

  it.each(Object.entries(PROJECTS))('with %s is refused in words', async (_, content) => {
    const file = join(temporaryFolder(), 'a.fusion.json')
    writeFileSync(file, JSON.stringify({ format: 'featurefusion-project', version: 1, ...(content as object) }))
    const error = await refusal(() => readProject(file))
    expect(error.message.length + (error.detail ?? '').length).toBeLessThan(100_000)
  })

  it('of brackets alone is refused in words', async () => {
    const file = join(temporaryFolder(), 'a.fusion.json')
    writeFileSync(file, '['.repeat(1e7))
    await refusal(() => readProject(file))
    writeFileSync(file, `{"models":${'['.repeat(1e5)}${']'.repeat(1e5)}}`)
    await refusal(() => readProject(file))
  })
})

describe('a config', () => {
  const CONFIGS: readonly [file: string, key: string, value: unknown][] = [
    ['unet', 'block_out_channels', [1e9, 1e9]],
    ['unet', 'block_out_channels', many(1e6, 32)],
    ['unet', 'layers_per_block', 1e9],
    ['unet', 'transformer_layers_per_block', 1e9],
    ['unet', 'in_channels', 1e9],
    ['unet', 'sample_size', 1e9],
    ['unet', 'sample_size', [1e9, 1e9]],
    ['unet', 'sample_size', -1],
    ['vae', 'layers_per_block', 1e9],
    ['vae', 'latent_channels', 1e9],
    ['text_encoder', 'num_hidden_layers', 1e9],
    ['text_encoder', 'vocab_size', 1e12],
    ['text_encoder', 'max_position_embeddings', 1e9],
  ]

  it.each(CONFIGS)('of the %s with %s = %j is refused in words', async (part, key, value) => {
    const folder = fixture(temporaryFolder())
    const file = join(folder, 'pipeline', part, 'config.json')
    const config = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>
    writeFileSync(file, JSON.stringify({ ...config, [key]: value }))
    const error = await refusal(async () => {
      const pipeline = await loadPipeline(await openCheckpoint(join(folder, 'pipeline')), { device: 'cpu' })
      await pipeline.release()
    })
    expect(error.message.length).toBeLessThan(2000)
  })

  it('of a scheduler with 1e9 timesteps is refused in words', async () => {
    await refusal(() => createScheduler('DDIMScheduler', { num_train_timesteps: 1e9 }, { steps: 20 }))
    await refusal(() => createScheduler('DDIMScheduler', { num_train_timesteps: 1000 }, { steps: 1e9 }))
  })

  it('of CLIP’s pictures with huge edges is refused in words', async () => {
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'preprocessor_config.json'), JSON.stringify({ size: 1e9, crop_size: 1e9 }))
    await refusal(() => readClipPreprocessing(folder, 224))
  })
})

describe('a header', () => {
  const written = (header: string | Buffer, dataBytes = 0): string => {
    const file = join(temporaryFolder(), 'a.safetensors')
    const bytes = Buffer.from(header)
    const length = Buffer.alloc(8)
    length.writeBigUInt64LE(BigInt(bytes.length))
    writeFileSync(file, Buffer.concat([length, bytes]))
    truncateSync(file, 8 + bytes.length + dataBytes)
    return file
  }

  it('with more tensors than any model has is refused in words', async () => {
    const entries = Array.from(
      { length: 1_200_000 },
      (_, i) => `"${i}":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}`,
    )
    await refusal(() => readSafetensors(written(`{${entries.join(',')}}`)))
  })

  it('with a tensor of a million dimensions is refused in words', async () => {
    const shape = many(1e6, 1).join(',')
    await refusal(() => readSafetensors(written(`{"a":{"dtype":"U8","shape":[${shape}],"data_offsets":[0,1]}}`, 1)))
  })

  it('of a textual inversion or evaluation data that would take all memory is refused in words', async () => {
    const width = 50e9
    const file = written(
      `{"emb_params":{"dtype":"F32","shape":[1,${width}],"data_offsets":[0,${4 * width}]}}`,
      4 * width,
    )
    await refusal(() => readTextualInversion(file))
    const folder = join(temporaryFolder(), 'data')
    mkdirSync(folder)
    const pictures = [{ caption: 'a', split: 'train' }]
    writeFileSync(
      join(folder, 'evaluation.json'),
      JSON.stringify({ timesteps: [1], noises: 1, domains: { a: { file: 'a.safetensors', pictures } } }),
    )
    const [edge, bytes] = [1e5, 4e10]
    const header = {
      latents: { dtype: 'F32', shape: [1, 1, edge, edge], data_offsets: [0, bytes] },
      noise: { dtype: 'F32', shape: [1, 1, 1, edge, edge], data_offsets: [bytes, 2 * bytes] },
      input_ids: { dtype: 'I32', shape: [1, 1], data_offsets: [2 * bytes, 2 * bytes + 4] },
    }
    const bytesOfHeader = Buffer.from(JSON.stringify(header))
    const length = Buffer.alloc(8)
    length.writeBigUInt64LE(BigInt(bytesOfHeader.length))
    writeFileSync(join(folder, 'a.safetensors'), Buffer.concat([length, bytesOfHeader]))
    truncateSync(join(folder, 'a.safetensors'), 8 + bytesOfHeader.length + 2 * bytes + 4)
    await refusal(() => readEvaluationSet(folder))
  })
})

describe('the command line', () => {
  it.each([
    ['--count', '1e9'],
    ['--count', '1000000'],
    ['--steps', '1e9'],
    ['--threads', '1e9'],
    ['--batch', '1e12'],
    ['--size', '99999x99999'],
    ['--clip-skip', '1e9'],
  ])('refuses generate %s %s in words', async (option, value) => {
    const folder = fixture(temporaryFolder())
    const cli = new CommandLine(temporaryFolder())
    const args = ['generate', '--model', join(folder, 'pipeline'), '--prompt', 'a', '--steps', '1', '--out', folder]
    const { code, hung, stderr } = await cli.run([...args, option, value])
    expect({ code, hung }).not.toEqual({ code: 0, hung: false })
    expect(hung).toBe(false)
    expect(stderr).not.toMatch(/ {4}at |internal/)
  })
})
