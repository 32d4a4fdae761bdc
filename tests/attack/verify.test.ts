import { cpSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { RECIPE_KEY } from '../../src-main/engine/checkpoint/describe'
import { MANIFEST_NAME } from '../../src-main/engine/files/writing/export-manifest'
import {
  isTampered,
  verifyExport,
  type ExportVerification,
} from '../../src-main/engine/merge/plan/export/verify-export'
import { family } from '../unit/demo-family'
import { merge, projectOf, temporaryFolder, tensor, writeModel } from '../unit/engine/merge/models'
import { noise } from '../unit/engine/tensor/inputs'
import { CommandLine } from './support/command-line'

const { signal } = new AbortController()

interface Header {
  __metadata__: Record<string, string>
  [name: string]: unknown
}

/** Changes the header of a file and leaves its data as they are. */
function editHeader(path: string, edit: (header: Header) => void): void {
  const bytes = readFileSync(path)
  const end = 8 + Number(bytes.readBigUInt64LE())
  const header = JSON.parse(bytes.toString('utf8', 8, end)) as Header
  edit(header)
  const text = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(text.byteLength))
  writeFileSync(path, Buffer.concat([length, text, bytes.subarray(end)]))
}

function flip(path: string, fromEnd: number): void {
  const bytes = readFileSync(path)
  bytes[bytes.length - fromEnd]! ^= 1
  writeFileSync(path, bytes)
}

function swap(header: Header, a: string, b: string): void {
  ;[header[a], header[b]] = [header[b], header[a]]
}

/** A merge of two small models, in one file; their sources lie beside. */
async function exportedFile(): Promise<{ out: string; sources: string[] }> {
  const folder = temporaryFolder()
  const sources = [0, 1].map((seed) =>
    writeModel(join(folder, `model-${seed}.safetensors`), {
      'a.weight': tensor([8, 8], noise(64, seed + 1)),
      'b.weight': tensor([8, 8], noise(64, seed + 11)),
      'c.weight': tensor([4, 16], noise(64, seed + 21)),
    }),
  )
  const out = join(folder, 'out.safetensors')
  await merge(projectOf(sources, { name: 'soup' }), out)
  return { out, sources }
}

const first = ({ files }: ExportVerification) => files[0]!

describe('an export in one file', () => {
  it('is proven whole by itself: data, names, recipe, sources', async () => {
    const { out, sources } = await exportedFile()
    const result = await verifyExport(out, sources, signal)
    expect(first(result)).toMatchObject({ data: true, names: true, metadata: true })
    expect(result.sources.map(({ foundAt }) => foundAt)).toEqual(sources)
    expect(isTampered(result)).toBe(false)
  })

  it.each<[string, (path: string) => void, 'data' | 'names' | 'metadata']>([
    ['a byte of the data', (path) => flip(path, 30), 'data'],
    ['the last byte', (path) => flip(path, 1), 'data'],
    ['names swapped', (path) => editHeader(path, (header) => swap(header, 'a.weight', 'b.weight')), 'names'],
    [
      'another name',
      (path) => editHeader(path, (h) => ((h['d.weight'] = h['a.weight']), delete h['a.weight'])),
      'names',
    ],
    [
      'another shape',
      (path) => editHeader(path, (h) => ((h['c.weight'] as { shape: number[] }).shape = [8, 8])),
      'names',
    ],
    [
      'another type',
      (path) => editHeader(path, (h) => Object.assign(h['c.weight'] as object, { dtype: 'F64', shape: [4, 8] })),
      'names',
    ],
    [
      'another weight in the recipe',
      (path) =>
        editHeader(path, ({ __metadata__: m }) => (m[RECIPE_KEY] = m[RECIPE_KEY]!.replace('"weight":1', '"weight":2'))),
      'metadata',
    ],
    ['another title', (path) => editHeader(path, ({ __metadata__: m }) => (m['modelspec.title'] = 'Mine')), 'metadata'],
    ['a field more', (path) => editHeader(path, ({ __metadata__: m }) => (m['modelspec.author'] = 'Me')), 'metadata'],
    ['no recipe', (path) => editHeader(path, ({ __metadata__: m }) => delete m[RECIPE_KEY]), 'metadata'],
  ])('with %s is found out', async (_, tamper, what) => {
    const { out, sources } = await exportedFile()
    tamper(out)
    const result = await verifyExport(out, sources, signal)
    expect(first(result)[what]).toBe(false)
    expect(isTampered(result)).toBe(true)
    const others = (['data', 'names', 'metadata'] as const).filter((part) => part !== what)
    expect(others.map((part) => first(result)[part])).toEqual([true, true])
  })

  it.each(['5', 'null', '[]', '"text"', '{', '{"format":"featurefusion-recipe","method":"soup","models":5}'])(
    'with the recipe %s is refused in words',
    async (recipe) => {
      const { out } = await exportedFile()
      editHeader(out, ({ __metadata__: metadata }) => (metadata[RECIPE_KEY] = recipe))
      await expect(verifyExport(out, [], signal)).rejects.toMatchObject({
        kind: 'malformed',
        message: expect.stringContaining(out) as string,
      })
    },
  )

  it('names a source that is missing, and one that was replaced', async () => {
    const { out, sources } = await exportedFile()
    flip(sources[1]!, 3)
    const [found, replaced] = (await verifyExport(out, sources, signal)).sources
    expect(found).toMatchObject({ foundAt: sources[0], otherAt: null })
    expect(replaced).toMatchObject({ foundAt: null, otherAt: sources[1] })
    expect((await verifyExport(out, [], signal)).sources).toMatchObject([
      { foundAt: null, otherAt: null },
      { foundAt: null, otherAt: null },
    ])
  })

  it('of a version without hashes of names proves its data alone', async () => {
    const { out } = await exportedFile()
    editHeader(out, ({ __metadata__: metadata }) => {
      delete metadata['featurefusion.tensors_sha256']
      delete metadata['featurefusion.metadata_sha256']
    })
    expect(first(await verifyExport(out, [], signal))).toMatchObject({ data: true, names: null, metadata: null })
  })

  it('is verified without the cache: the built program says what is wrong', async () => {
    const { out } = await exportedFile()
    const cli = new CommandLine(join(dirname(out), 'home-of-its-own'))
    const whole = await cli.run(['verify', out, '--json'], { limitMs: 60_000 })
    expect(whole).toMatchObject({ code: 0, stderr: '' })
    const { sha256 } = JSON.parse(whole.stdout) as { sha256: string }
    // A cache that says the old hash of a file that is another by now.
    writeFileSync(join(cli.cache, 'hashes.json'), JSON.stringify({ [out]: { sha256 } }))
    flip(out, 10)
    const tampered = await cli.run(['verify', out, '--json'], { limitMs: 60_000 })
    expect(tampered.code).toBe(1)
    expect(JSON.parse(tampered.stdout)).toMatchObject({
      intact: false,
      dataIntact: false,
      namesIntact: true,
      recipeIntact: true,
      sha256: expect.not.stringContaining(sha256) as string,
    })
  })
})

describe('an export folder', () => {
  /** Made once: every attack takes a copy. */
  const made = mkdtempSync(join(tmpdir(), 'featurefusion-test-'))
  beforeAll(async () => {
    await merge(projectOf([family.base.path, family.specialists[0]!.path], { name: 'soup' }), join(made, 'out'))
  }, 60_000)
  afterAll(() => rmSync(made, { recursive: true, force: true }))

  function copy(): string {
    const folder = join(temporaryFolder(), 'out')
    cpSync(join(made, 'out'), folder, { recursive: true })
    return folder
  }

  const UNET = 'unet/diffusion_pytorch_model.safetensors'
  const TEXT = 'text_encoder/model.safetensors'

  it('is proven whole, every file of it', async () => {
    const result = await verifyExport(copy(), [], signal)
    expect(result.folder).toEqual({ missing: [], changed: [], added: [] })
    expect(result.files.length).toBeGreaterThan(2)
    for (const file of result.files) expect(file).toMatchObject({ data: true, names: true, metadata: true })
    expect(isTampered(result)).toBe(false)
  })

  it.each<[string, (folder: string) => void, Partial<ExportVerification['folder'] & object>]>([
    ['a text encoder less', (folder) => rmSync(join(folder, TEXT)), { missing: [TEXT] }],
    ['a folder less', (folder) => rmSync(join(folder, 'tokenizer'), { recursive: true }), {}],
    ['a file more', (folder) => writeFileSync(join(folder, 'notes.txt'), 'mine'), { added: ['notes.txt'] }],
    ['a changed config', (folder) => flip(join(folder, 'unet/config.json'), 5), { changed: ['unet/config.json'] }],
    ['a byte of a copied part', (folder) => flip(join(folder, TEXT), 9), {}],
    ['a byte of the merged part', (folder) => flip(join(folder, UNET), 9), {}],
    ['names of a copied part swapped', (folder) => swapFirstOfOneShape(join(folder, TEXT)), { changed: [TEXT] }],
    ['names of the merged part swapped', (folder) => swapFirstOfOneShape(join(folder, UNET)), {}],
    [
      'two parts exchanged',
      (folder) => exchange(join(folder, UNET), join(folder, 'vae/diffusion_pytorch_model.safetensors')),
      {},
    ],
  ])('with %s is found out', async (_, tamper, differences) => {
    const folder = copy()
    tamper(folder)
    const result = await verifyExport(folder, [], signal).catch((error: unknown) => error)
    if (result instanceof Error) return expect(result).toMatchObject({ kind: expect.stringMatching(/./) as string })
    expect(isTampered(result as ExportVerification)).toBe(true)
    expect((result as ExportVerification).folder).toMatchObject(differences)
  })

  it('without the list of its files says that they are not proven', async () => {
    const folder = copy()
    rmSync(join(folder, MANIFEST_NAME))
    const result = await verifyExport(folder, [], signal)
    expect(result).toMatchObject({ isFolder: true, folder: null })
    expect(result.files.find(({ path }) => path === join(folder, TEXT))).toMatchObject({ data: null, names: null })
  })
})

function swapFirstOfOneShape(path: string): void {
  editHeader(path, (header) => {
    const shapeOf = (name: string): string => JSON.stringify((header[name] as { shape?: number[] }).shape)
    const names = Object.keys(header).filter((name) => name !== '__metadata__')
    const a = names.find((name) => names.filter((other) => shapeOf(other) === shapeOf(name)).length > 1)!
    swap(
      header,
      a,
      names.find((name) => name !== a && shapeOf(name) === shapeOf(a))!,
    )
  })
}

function exchange(a: string, b: string): void {
  renameSync(a, `${a}.aside`)
  renameSync(b, a)
  renameSync(`${a}.aside`, b)
}
