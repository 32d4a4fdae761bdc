import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { FusionError } from '../../src-main/contract/errors'
import type { CommandName } from '../../src-main/contract/protocol/commands'
import { openCheckpoint } from '../../src-main/engine/checkpoint/open'
import { writePipelineFiles } from '../../src-main/engine/checkpoint/pipeline/pipeline-files'
import { forcesZeros, schedulerConfigOf } from '../../src-main/engine/diffusion/pipeline-parts'
import { loadTokenizer } from '../../src-main/engine/tokenizer/vocabulary'
import { findCaptionedImages } from '../../src-main/engine/evaluate/data/captioned-images'
import { describeEvaluationSet, readEvaluationSet } from '../../src-main/engine/evaluate/data/evaluation-set'
import { limitLinks } from '../../src-main/engine/files/reading/links'
import { temporaryFolder } from '../unit/engine/merge/models'
import { TestServer } from '../unit/server/server'
import { fixture, safetensors } from './support/files-read'

const SECRET = 'what nobody else may read'

let unlimit = (): void => {}
afterEach(() => unlimit())

/** An allowed folder with models and data, and a secret one beside it. */
function folders(): { root: string; secret: string } {
  const folder = temporaryFolder()
  const [root, secret] = [join(folder, 'root'), join(folder, 'secret')]
  mkdirSync(root)
  fixture(root)
  mkdirSync(secret)
  for (const name of ['text.json', 'a.txt', 'merges.txt']) writeFileSync(join(secret, name), SECRET)
  return { root, secret }
}

/** Puts a link to the same file outside in a file's place. */
function moveOut(path: string, outside: string): void {
  cpSync(path, outside)
  rmSync(path)
  symlinkSync(outside, path)
}

async function refusal(read: () => unknown): Promise<string> {
  try {
    await read()
  } catch (error) {
    expect(error).toBeInstanceOf(FusionError)
    expect(JSON.stringify(error)).not.toContain(SECRET)
    return (error as FusionError).message
  }
  return 'nothing was refused'
}

/** Configs and the like. */
const TEXTS: readonly [file: string, read: (root: string) => unknown][] = [
  ['pipeline/unet/config.json', (root) => openCheckpoint(join(root, 'pipeline'))],
  ['pipeline/unet/config.json', (root) => openCheckpoint(join(root, 'pipeline/unet'))],
  ['pipeline/model_index.json', (root) => openCheckpoint(join(root, 'pipeline'))],
  ['pipeline/model_index.json', (root) => forcesZeros({ path: join(root, 'pipeline') } as never)],
  [
    'pipeline/scheduler/scheduler_config.json',
    async (root) => schedulerConfigOf(await openCheckpoint(join(root, 'pipeline'))),
  ],
  ['pipeline/tokenizer/vocab.json', (root) => loadTokenizer(join(root, 'pipeline/tokenizer'))],
  ['pipeline/tokenizer/merges.txt', (root) => loadTokenizer(join(root, 'pipeline/tokenizer'))],
  ['shards/diffusion_pytorch_model.safetensors.index.json', (root) => openCheckpoint(join(root, 'shards'))],
]

describe('a link out of a model', () => {
  it.each([
    'pipeline/tokenizer/merges.txt',
    'pipeline/tokenizer/extra.json',
    'pipeline/feature_extractor',
    'pipeline/a.txt',
  ])('is not copied into an export: %s', async (file) => {
    const { root, secret } = folders()
    const path = join(root, file)
    rmSync(path, { force: true })
    symlinkSync(file.includes('.') ? join(secret, 'a.txt') : secret, path)
    const base = await openCheckpoint(join(root, 'pipeline'))
    expect(await refusal(() => writePipelineFiles(base, join(root, 'export')))).toContain('leads out of')
  })

  it('may lead from one part of the model to another', async () => {
    const { root } = folders()
    moveOut(join(root, 'pipeline/unet/config.json'), join(root, 'pipeline/shared.json'))
    expect((await openCheckpoint(join(root, 'pipeline'))).problems).toEqual([])
  })

  it.each(TEXTS)('is followed to read %s where the person may read everything', async (file, read) => {
    const { root, secret } = folders()
    moveOut(join(root, file), join(secret, 'moved'))
    await read(root)
  })

  it('is followed for weights where the person may read everything', async () => {
    const { root, secret } = folders()
    moveOut(join(root, 'pipeline/unet/diffusion_pytorch_model.safetensors'), join(secret, 'weights'))
    expect((await openCheckpoint(join(root, 'pipeline'))).problems).toEqual([])
  })
})

describe('where only some folders are allowed', () => {
  it.each<[file: string, read: (root: string) => unknown]>([
    ...TEXTS,
    ['pipeline/unet/diffusion_pytorch_model.safetensors', (root) => openCheckpoint(join(root, 'pipeline'))],
    ['shards/one.safetensors', (root) => openCheckpoint(join(root, 'shards'))],
    ['evaluation/evaluation.json', (root) => describeEvaluationSet(join(root, 'evaluation'))],
    ['evaluation/flat.safetensors', (root) => readEvaluationSet(join(root, 'evaluation'))],
    ['pictures/a.png', (root) => findCaptionedImages(join(root, 'pictures'))],
    ['pictures/a.txt', (root) => findCaptionedImages(join(root, 'pictures'))],
    ['pictures/b/metadata.jsonl', (root) => findCaptionedImages(join(root, 'pictures'))],
  ])('a link from %s leads no further', async (file, read) => {
    const { root, secret } = folders()
    moveOut(join(root, file), join(secret, 'moved'))
    unlimit = limitLinks([root])
    expect(await refusal(() => read(root))).toContain('leads out of')
    renameSync(join(secret, 'moved'), join(secret, 'away'))
    expect(await refusal(() => read(root)), 'to nothing: the same answer').toContain('leads out of')
    renameSync(join(secret, 'away'), join(secret, 'moved'))
    unlimit()
    unlimit = limitLinks([root, secret])
    await read(root)
  })

  it('a linked folder of pictures is not listed', async () => {
    const { root, secret } = folders()
    symlinkSync(secret, join(root, 'pictures/d'))
    unlimit = limitLinks([root])
    const message = await refusal(() => findCaptionedImages(join(root, 'pictures')))
    expect(message).toContain('leads out of')
    expect(message).not.toContain('text.json')
  })
})

describe("Hugging Face's cache", () => {
  /** A pipeline as huggingface_hub keeps it: every file of a snapshot is a link to a blob of the repository. */
  function cached(root: string): string {
    const repository = join(root, 'models--someone--model')
    const snapshot = join(repository, 'snapshots/0123abcd')
    cpSync(join(root, 'pipeline'), snapshot, { recursive: true })
    mkdirSync(join(repository, 'blobs'))
    for (const file of [
      'model_index.json',
      'scheduler/scheduler_config.json',
      'tokenizer/vocab.json',
      'tokenizer/merges.txt',
      'unet/config.json',
      'unet/diffusion_pytorch_model.safetensors',
      'vae/diffusion_pytorch_model.safetensors',
    ]) {
      const path = join(snapshot, file)
      const blob = join(repository, 'blobs', file.replaceAll('/', '-'))
      cpSync(path, blob)
      rmSync(path)
      symlinkSync(relative(dirname(path), blob), path)
    }
    return snapshot
  }

  it.each([false, true])('is read, and exported from, whole (limited: %s)', async (limited) => {
    const { root } = folders()
    const snapshot = cached(root)
    if (limited) unlimit = limitLinks([snapshot])
    const base = await openCheckpoint(snapshot)
    expect(base.problems).toEqual([])
    schedulerConfigOf(base)
    loadTokenizer(join(snapshot, 'tokenizer'), snapshot)
    await writePipelineFiles(base, join(root, 'export'))
    expect(readFileSync(join(root, 'export/tokenizer/merges.txt'))).toEqual(
      readFileSync(join(root, 'pipeline/tokenizer/merges.txt')),
    )
  })

  it('leads to no other repository', async () => {
    const { root } = folders()
    const snapshot = cached(root)
    const other = join(root, 'models--someone--other/blobs')
    mkdirSync(other, { recursive: true })
    moveOut(join(snapshot, 'vae/config.json'), join(other, 'a'))
    unlimit = limitLinks([snapshot])
    expect(await refusal(() => openCheckpoint(snapshot))).toContain('leads out of')
  })
})

describe('a path in a file', () => {
  const OUTSIDE = ['../../secret/a', '/etc/hostname', '..', 'a/../../b', 'C:\\a', '\\\\host\\a', '..\\a', '', 'a\0b']

  it.each(OUTSIDE)('is refused: %j', async (name) => {
    const { root } = folders()
    const json = (file: string, value: unknown): void => writeFileSync(join(root, file), JSON.stringify(value))
    const pictures = [{ caption: 'a', split: 'train' }]
    json('evaluation/evaluation.json', { timesteps: [1], noises: 1, domains: { a: { file: name, pictures } } })
    expect(await refusal(() => describeEvaluationSet(join(root, 'evaluation')))).toContain('does not lie in its folder')
    json('pictures/c/captions.json', { [name]: 'a' })
    expect(await refusal(() => findCaptionedImages(join(root, 'pictures')))).toContain('does not lie in its folder')
    json('shards/diffusion_pytorch_model.safetensors.index.json', { weight_map: { a: `${name}.safetensors` } })
    expect(await refusal(() => openCheckpoint(join(root, 'shards')))).toMatch(/names no file|missing shard/)
  })
})

describe('serve', () => {
  const EMPTY = { format: 'featurefusion-project', version: 1, models: [] }

  it('gives one answer for all that lies outside, whether it is there or not', async () => {
    const server = await TestServer.start()
    try {
      const outside = join(server.folder, 'outside')
      mkdirSync(join(outside, 'closed'), { recursive: true })
      writeFileSync(join(outside, 'file'), SECRET)
      symlinkSync('loop', join(outside, 'loop'))
      symlinkSync(join(outside, 'file'), join(server.allowed, 'to-file'))
      symlinkSync(join(outside, 'nothing'), join(server.allowed, 'to-nothing'))
      symlinkSync('loop', join(server.allowed, 'loop'))
      const paths = [
        ...['file', 'nothing', 'closed', 'loop', 'file/below', 'nothing/below', 'loop/below'].map((n) =>
          join(outside, n),
        ),
        ...['to-file', 'to-nothing', 'to-file/below', 'to-nothing/below'].map((name) => join(server.allowed, name)),
        join(server.allowed, '../outside/file'),
        `${outside}/${'a'.repeat(300)}`,
      ]
      const answers = new Set<string>()
      for (const path of paths)
        for (const command of ['files.list', 'project.open', 'project.restore'] as const)
          answers.add(
            JSON.stringify(await server.command(command, { path })).replaceAll(
              JSON.stringify(path).slice(1, -1),
              'PATH',
            ),
          )
      expect([...answers]).toHaveLength(1)
      expect([...answers][0]).toContain('lies outside')
      const { entries } = await server.invoke('files.list', { path: server.allowed })
      expect(entries.map(({ name }) => name)).toEqual([])
    } finally {
      await server.close()
    }
  })

  it('does not read what a project that is used as a model names outside', async () => {
    const server = await TestServer.start()
    try {
      fixture(server.allowed)
      const outside = join(server.folder, 'outside')
      mkdirSync(outside)
      writeFileSync(join(outside, 'model.safetensors'), safetensors({ [SECRET]: [1] }))
      const own = { name: 'own', path: join(server.allowed, 'pipeline') }
      const project = (name: string, models: unknown[], others: object = {}): string => {
        const path = join(server.allowed, `${name}.fusion.json`)
        writeFileSync(path, JSON.stringify({ ...EMPTY, models, ...others }))
        return path
      }
      const secret = join(outside, 'model.safetensors')
      const inner = project('inner', [own, { name: 'secret', path: '../outside/model.safetensors' }])
      const unweighed = { name: 'middle', path: inner, enabled: false }
      const paths = [
        inner,
        project('outer', [own, unweighed]),
        project('vae', [own], { output: { vae: secret } }),
        project('calibrated', [own], { method: { name: 'feature-regression', calibration: secret } }),
      ]
      for (const path of paths) {
        const { models } = await server.invoke('models.describe', { paths: [path] })
        expect(models[0]?.error?.message, path).toContain('lies outside the folders')
        const using = project('using', [own, { name: 'model', path }])
        for (const [command, input] of [
          ['project.open', { path: using }],
          ['project.edit', { label: 'Add', edits: [{ type: 'add-models', models: [{ name: 'model', path }] }] }],
        ] as const) {
          const reply = JSON.stringify(await server.command(command, input))
          expect(reply, path).toContain('lies outside the folders')
          expect(reply, path).not.toContain(SECRET)
        }
      }
    } finally {
      await server.close()
    }
  })

  it('does not read for a restored project what this start does not allow', async () => {
    const folder = temporaryFolder()
    const [first, second, data] = ['first', 'second', 'data'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ]
    for (const path of [first, second]) mkdirSync(path)
    fixture(first)
    writeFileSync(join(first, 'model.safetensors'), safetensors({ [SECRET]: [1] }))
    const project = {
      ...EMPTY,
      models: [
        { name: 'base', path: join(first, 'pipeline') },
        { name: 'other', path: join(first, 'model.safetensors') },
      ],
      method: { name: 'feature-regression', calibration: join(first, 'calibration.safetensors') },
      output: { vae: join(first, 'pipeline/vae'), path: join(first, 'out') },
      evaluation: {
        data: join(first, 'evaluation'),
        scores: { promptFile: join(first, 'prompts.txt') },
        scorers: { clip: join(first, 'clip') },
      },
      preview: { prompts: ['a'] },
    }
    const file = join(first, 'a.fusion.json')
    writeFileSync(file, JSON.stringify(project))
    const before = await TestServer.start({ allow: [first], dataFolder: data })
    await before.invoke('project.open', { path: file })
    await before.invoke('settings.set', { cacheFolder: join(first, 'cache-of-settings'), modelFolders: [first] })
    await before.close()

    const after = await TestServer.start({ allow: [second], dataFolder: data, demo: false })
    try {
      const saved = readFileSync(file, 'utf8')
      const inputs: Partial<Record<CommandName, unknown>> = {
        'models.layers': {},
        'models.hash': {},
        'inspect.start': {},
        'inspect.matrix': { layer: 'conv_in.weight', matrix: 'P' },
        'tune.unlearning': { name: 'other' },
        'calibration.start': {},
        'preview.run': { variants: [{ type: 'base' }] },
        'preview.live': { on: true },
        'evaluate.start': { kind: 'table' },
        'evaluate.search': { strategy: 'cma-es' },
        'evaluate.drift': {},
        'evaluate.scores': {},
        'export.forecast': {},
        'export.start': { path: join(second, 'out.safetensors') },
        'project.save': {},
      }
      for (const [name, input] of Object.entries(inputs)) {
        const reply = await after.command(name, input)
        expect(JSON.stringify(reply), name).toContain('lies outside the folders')
        expect(JSON.stringify(reply), name).not.toContain(SECRET)
      }
      for (const name of ['calibration.describe', 'evaluate.data'] as const)
        expect(JSON.stringify(await after.command(name, {})), name).toContain('lies outside the folders')
      const described = await after.invoke('models.describe', { paths: project.models.map(({ path }) => path) })
      for (const { summary, error } of described.models) {
        expect(summary).toBeNull()
        expect(error?.message).toContain('lies outside the folders')
      }
      expect(await after.invoke('models.compatibility', {})).toEqual({ problems: [] })
      const settings = await after.invoke('settings.get', {})
      expect(settings).toMatchObject({ cacheFolder: null, modelFolders: [] })
      const { recent } = await after.invoke('app.snapshot', {})
      expect(recent).toMatchObject([{ path: file, exists: false }])
      expect(readFileSync(file, 'utf8')).toBe(saved)
      expect(existsSync(join(second, 'out.safetensors'))).toBe(false)
    } finally {
      await after.close()
    }
  })
})

it('a restart of serve keeps a cache folder that it was told to use, also an allowed folder itself', async () => {
  const [allowed, data] = [temporaryFolder(), join(temporaryFolder(), 'data')]
  const before = await TestServer.start({ allow: [allowed], dataFolder: data })
  const { cacheFolder } = await before.invoke('settings.set', { cacheFolder: allowed })
  await before.close()
  const after = await TestServer.start({ allow: [allowed], dataFolder: data })
  try {
    expect((await after.invoke('settings.get', {})).cacheFolder).toBe(cacheFolder)
  } finally {
    await after.close()
  }
})
