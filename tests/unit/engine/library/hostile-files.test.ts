import * as fs from 'node:fs'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { attacks, bombs } from '../checkpoint/containers/pickle/attacks'
import { SD14_UNET, textEncoderShapes, unetShapes } from '../checkpoint/network-shapes'
import { closeSockets, makeSpecial, SPECIAL_FILES } from '../../special-files'
import { put, putText, SHAPES, temporaryFolder } from './library-trees'
import { inWords, list } from './listing'

afterAll(closeSockets)

/** What the list says of the one file that is unreadable; a good model beside it must be there. */
async function reasonOf(root: string): Promise<string> {
  put(root, 'good.safetensors')
  const { entries } = await list(root)
  expect(inWords(entries)).toContain('good: checkpoint SD 1.x')
  const others = entries.filter(({ name }) => name !== 'good')
  expect(others).toHaveLength(1)
  expect(others[0]).toMatchObject({ kind: 'unreadable', rank: null, base: null })
  return others[0]!.problem!
}

const length = (count: number): Buffer => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(count))
  return bytes
}

describe('what cannot be read is listed with its reason', () => {
  it.each<[string, string | Buffer, RegExp]>([
    ['empty.safetensors', '', /an empty file/],
    ['short.safetensors', Buffer.from([1, 0, 0, 0, 0]), /5 bytes/],
    ['page.safetensors', '<!DOCTYPE html><html></html>', /web page/],
    ['lfs.safetensors', 'version https://git-lfs.github.com/spec/v1\noid x', /Git LFS/],
    ['text.ckpt', 'Entry not found', /a text, not a model/],
    ['long.safetensors', Buffer.concat([length(2 ** 40), Buffer.from('{}')]), /more than the format allows/],
    ['beyond.safetensors', Buffer.concat([length(1000), Buffer.from('{}')]), /header ends at byte 1008/],
    ['json.safetensors', Buffer.concat([length(4), Buffer.from('{{{{')]), /not valid/],
    ['quantised.gguf', 'GGUF\x03\0\0\0', /GGUF/],
    ['archive.bin', 'PK\x05\x06' + '\0'.repeat(18), /an archive/],
    ['keras.pt', Buffer.from('\x89HDF\r\n\x1a\n', 'latin1'), /HDF5/],
    ['picture.safetensors', Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), /a picture/],
  ])('%s', async (name, contents, reason) => {
    const root = temporaryFolder()
    putText(root, name, contents)
    expect(await reasonOf(root)).toMatch(reason)
  })

  it('a file whose data end too early, whatever its header is long', async () => {
    const lora = Object.fromEntries(
      Array.from({ length: 300 }, (_, index) => [`lora_unet_blocks_${index}.lora_down.weight`, [4, 768]]),
    )
    for (const shapes of [SHAPES.lora, lora, SHAPES.sd1]) {
      const root = temporaryFolder()
      const path = put(root, 'cut.safetensors', shapes)
      fs.truncateSync(path, fs.statSync(path).size - 1)
      expect(await reasonOf(root)).toMatch(/bytes of tensors, the file holds/)
    }
  })

  it.each(SPECIAL_FILES)('a %s', async (kind) => {
    const root = temporaryFolder()
    await makeSpecial(kind, root, 'special.safetensors')
    expect(await reasonOf(root)).toMatch(/not a regular file|link to nothing/)
  })

  it('pickles that would run something', async () => {
    const root = temporaryFolder()
    const mark = join(root, 'ran')
    const files = Object.values({ ...attacks(`touch ${mark}`), ...bombs() })
    for (const [index, file] of files.entries()) putText(root, `${index}.ckpt`, file)
    const { entries } = await list(root)
    expect(entries).toHaveLength(files.length)
    for (const { kind, problem } of entries) expect(kind === 'unreadable').toBe(problem !== null)
    expect(entries.filter(({ kind }) => kind === 'unreadable').length).toBeGreaterThan(files.length / 2)
    expect(fs.existsSync(mark)).toBe(false)
  })

  it('an adapter of a kind that is not read, a quantised model, a broken pipeline', async () => {
    const root = temporaryFolder()
    put(root, 'vera.safetensors', { 'a.vera_lambda_b': [4], 'a.vera_lambda_d': [4] })
    put(root, 'nf4.safetensors', { ...SHAPES.sd1, 'model.a.weight.quant_state.bitsandbytes__nf4': [4] })
    putText(root, 'pipeline/model_index.json', '{')
    putText(root, 'pipeline/unet/diffusion_pytorch_model.safetensors', 'x')
    const { entries } = await list(root)
    const problems = Object.fromEntries(entries.map(({ name, problem }) => [name, problem]))
    expect(problems['vera']).toMatch(/VeRA adapter, which is not supported/)
    expect(problems['nf4']).toMatch(/quantised model/)
    expect(problems['pipeline']).not.toBeNull()
  })

  it.runIf(process.platform !== 'win32' && process.getuid?.() !== 0)('a file and a folder without rights', async () => {
    const root = temporaryFolder()
    chmodSync(put(root, 'closed.safetensors'), 0)
    mkdirSync(join(root, 'closed-folder'), 0)
    put(root, 'good.safetensors')
    const { entries, notes } = await list(root)
    expect(entries.find(({ name }) => name === 'closed')?.problem).toMatch(/cannot be read/)
    expect(notes).toEqual([expect.stringMatching(/closed-folder cannot be read/)])
  })

  it('a folder that is not there, and a file in place of a folder', async () => {
    const root = temporaryFolder()
    const file = putText(root, 'file')
    for (const folder of [join(root, 'nothing'), file])
      expect((await list(folder)).folders).toEqual([
        { path: folder, program: null, models: 0, problem: expect.stringMatching(/is not there|is not a folder/) },
      ])
  })
})

it('the number of models, of folders and of levels is bounded, and what is cut off is said', async () => {
  const root = temporaryFolder()
  for (const name of ['a', 'b', 'c']) put(root, `${name}.safetensors`)
  put(root, 'one/two/three/deep.safetensors')
  expect((await list(root, { limits: { models: 2 } })).notes).toEqual(['Only the first 2 models are listed.'])
  expect((await list(root, { limits: { depth: 1 } })).notes).toEqual(['Folders more than 1 levels deep were left out.'])
  expect((await list(root, { limits: { folders: 2 } })).notes).toEqual([
    'Only the first 2 folders were looked through.',
  ])
  expect((await list(root, { limits: { names: 2 } })).entries).toHaveLength(2)
})

describe('links where only some places may be read', () => {
  it.runIf(process.platform !== 'win32')(
    'are left out where they lead elsewhere, and nothing tells what is there',
    async () => {
      const [root, elsewhere] = [temporaryFolder(), temporaryFolder()]
      put(root, 'models/checkpoints/own.safetensors')
      put(elsewhere, 'secret.safetensors')
      symlinkSync(join(elsewhere, 'secret.safetensors'), join(root, 'models/checkpoints/link.safetensors'))
      symlinkSync(elsewhere, join(root, 'models/checkpoints/folder'))
      symlinkSync(join(elsewhere, 'nothing.safetensors'), join(root, 'models/checkpoints/none.safetensors'))
      const text = `a:\n  checkpoints: ${elsewhere}\nb:\n  checkpoints: ${elsewhere}/nothing\n`
      putText(root, 'extra_model_paths.yaml', text)
      const mayRead = async (path: string): Promise<boolean> => {
        const real = fs.lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ? fs.readlinkSync(path) : path
        return real.startsWith(root)
      }
      const { entries, notes } = await list(root, { mayRead })
      expect(inWords(entries)).toEqual(['own: checkpoint SD 1.x'])
      expect(notes).toEqual([expect.stringMatching(/^Left out: 5 /)])
      expect((await list(elsewhere, { mayRead })).folders[0]?.problem).toMatch(/lies outside/)
    },
  )
})

it.runIf(process.platform === 'linux')('reads no more of a file than its header, and 64 KB', async () => {
  const root = temporaryFolder()
  const checkpoint = Object.fromEntries([...unetShapes(SD14_UNET), ...textEncoderShapes(768, 12)])
  const paths = [1, 2, 3, 4].map((name) => put(root, `${name}.safetensors`, checkpoint))
  expect(fs.statSync(paths[0]!).size).toBeGreaterThan(1e9)
  await list(root)
  const before = bytesRead()
  const { entries } = await list(root)
  const read = bytesRead() - before
  expect(entries).toHaveLength(paths.length)
  const headers = paths.map((path) => 8 + Number(readBeginningOf(path, 8).readBigUInt64LE()))
  expect(read).toBeLessThan(headers.reduce((sum, size) => sum + size + 65_536, 0))
})

/** By this process, from files and all else. */
function bytesRead(): number {
  return Number(/rchar: (\d+)/.exec(fs.readFileSync('/proc/self/io', 'utf8'))![1])
}

function readBeginningOf(path: string, count: number): Buffer {
  const [file, bytes] = [fs.openSync(path, 'r'), Buffer.alloc(count)]
  fs.readSync(file, bytes, 0, count, 0)
  fs.closeSync(file)
  return bytes
}

it('opens a file again only when it has changed', async () => {
  const cacheFolder = mkdtempSync(join(tmpdir(), 'featurefusion-library-cache-'))
  try {
    const root = temporaryFolder()
    const path = put(root, 'model.safetensors')
    const first = await list(root, { cacheFolder })
    expect(await list(root, { cacheFolder })).toEqual(first)
    put(root, 'model.safetensors', SHAPES.lora)
    utimesSync(path, 1, 1)
    expect(inWords((await list(root, { cacheFolder })).entries)).toEqual(['model: adapter SD 1.x'])
  } finally {
    rmSync(cacheFolder, { recursive: true })
  }
})
