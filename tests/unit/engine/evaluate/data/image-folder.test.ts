import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { encode } from 'jpeg-js'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Checkpoint } from '../../../../../src-main/engine/checkpoint/model/checkpoint'
import { openCheckpoint } from '../../../../../src-main/engine/checkpoint/open'
import { loadPipeline } from '../../../../../src-main/engine/diffusion/load-pipeline'
import type { Pipeline } from '../../../../../src-main/engine/diffusion/pipeline'
import { encodePng } from '../../../../../src-main/engine/image/png'
import type { Picture } from '../../../../../src-main/engine/image/resample'
import { decodeLatents, toPixels } from '../../../../../src-main/engine/diffusion/vae'
import { findCaptionedImages } from '../../../../../src-main/engine/evaluate/data/captioned-images'
import { denoisingLoss } from '../../../../../src-main/engine/evaluate/losses/denoising-loss'
import { readSquare } from '../../../../../src-main/engine/image/image-file'
import { describeImageFolder, encodeImageFolder } from '../../../../../src-main/engine/evaluate/data/image-folder'
import { hashComponent } from '../../../../../src-main/engine/evaluate/data/latent-cache'
import { chooseSplit } from '../../../../../src-main/engine/evaluate/data/splits'
import { collectingDamage } from '../../../../../src-main/engine/files/kept/cache-damage'
import { family } from '../../../demo-family'

/** Behind kept latents. */
const CHECKSUM_BYTES = 32

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'ff-images-'))
  return () => rmSync(root, { recursive: true })
})

/** A picture of soft colours that differ from corner to corner. */
function gradient(width: number, height: number, blue = 90): Picture {
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const [pixel, channel] = [Math.floor(i / 3), i % 3]
    if (channel === 2) return blue
    return channel === 0 ? (255 * (pixel % width)) / width : (255 * Math.floor(pixel / width)) / height
  })
  return { width, height, channels: 3, data }
}

function jpeg({ width, height, data }: Picture): Uint8Array {
  const rgba = Uint8Array.from({ length: width * height * 4 }, (_, i) =>
    i % 4 === 3 ? 255 : data[Math.floor(i / 4) * 3 + (i % 4)]!,
  )
  return encode({ width, height, data: rgba }, 98).data
}

function write(path: string, content: Uint8Array | string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), content)
}

const png = encodePng(gradient(8, 8))

describe('a folder of captioned pictures', () => {
  it('has domains and splits by its sub-folders, captions by .txt', async () => {
    write('food/train/a.png', png)
    write('food/train/a.txt', ' an apple\n')
    write('food/test/b.JPG', png)
    write('food/test/b.txt', 'bread')
    write('Held-Out/art/prints/c.jpeg', png)
    write('Held-Out/art/prints/c.txt', '\uFEFFa print')
    write('.hidden/d.png', png)
    write('notes.md', 'none')
    const images = await findCaptionedImages(root)
    expect(images.map(({ path, ...rest }) => [path.slice(root.length + 1).replaceAll('\\', '/'), rest])).toEqual([
      ['Held-Out/art/prints/c.jpeg', { domain: 'art/prints', caption: 'a print', split: 'held-out' }],
      ['food/test/b.JPG', { domain: 'food', caption: 'bread', split: 'held-out' }],
      ['food/train/a.png', { domain: 'food', caption: 'an apple', split: 'train' }],
    ])
  })

  it('has captions, splits and domains by metadata.jsonl and captions.json', async () => {
    write('one/a.png', png)
    write('one/sub/b.png', png)
    write(
      'one/metadata.jsonl',
      '{"file_name": "a.png", "text": "A", "split": "validation"}\n\n{"file_name":"sub/b.png","caption":"B","domain":"two"}\n',
    )
    write('three/c.png', png)
    write('three/d.png', png)
    write('three/captions.json', '{"c.png": "C", "d": {"caption": "D", "split": "train"}}')
    write('four/e.png', png)
    write('four/captions.json', '[{"file_name": "e.png", "caption": "E"}]')
    const images = await findCaptionedImages(root)
    expect(images.map(({ domain, caption, split }) => [caption, domain, split]).toSorted()).toEqual([
      ['A', 'one', 'held-out'],
      ['B', 'two', null],
      ['C', 'three', null],
      ['D', 'three', 'train'],
      ['E', 'four', null],
    ])
  })

  it.each([
    { files: {}, kind: 'not-found', error: /holds no pictures/ },
    {
      files: { 'x/a.png': 'x', 'x/b.png': 'x', 'x/b.txt': 'b' },
      kind: 'validation',
      error: /the picture x.a\.png without/,
    },
    { files: { 'a.png': 'x', 'a.txt': '  ' }, kind: 'validation', error: /a\.png without a caption/ },
    {
      files: { 'a.png': 'x', 'metadata.jsonl': '{"file_name":"a.png","text":"A"}\nno' },
      kind: 'malformed',
      error: /metadata\.jsonl, line 2, is not JSON/,
    },
    {
      files: { 'a.png': 'x', 'metadata.jsonl': '{"name":"a.png"}' },
      kind: 'malformed',
      error: /line 1, does not describe/,
    },
    {
      files: { 'a.png': 'x', 'metadata.jsonl': '{"file_name":"b.png","text":"A"}' },
      kind: 'not-found',
      error: /the picture b\.png that cannot be found/,
    },
    {
      files: { 'a.png': 'x', 'captions.json': '{"a.png": 3}' },
      kind: 'malformed',
      error: /captions\.json holds no captions/,
    },
    {
      files: { 'a.png': 'x', 'captions.json': '{"a.png": {"text": "A", "split": "tset"}}' },
      kind: 'validation',
      error: /a\.png name the split tset/,
    },
  ])('says what is wrong: $error', async ({ files, kind, error }) => {
    for (const [path, content] of Object.entries(files)) write(path, content)
    const failure = await findCaptionedImages(root).catch((cause: unknown) => cause)
    expect(failure).toMatchObject({ kind, message: expect.stringMatching(error) as string })
  })

  it('holds a fifth out by a seeded hash of the names, at least one', async () => {
    for (let i = 0; i < 20; i++)
      for (const domain of ['a', 'b']) {
        write(`${domain}/${i}.png`, png)
        write(`${domain}/${i}.txt`, 'x')
      }
    write('c/0.png', png)
    write('c/0.txt', 'x')
    const heldOut = async (seed: number): Promise<string[][]> =>
      (await describeImageFolder(root, seed)).domains.map(({ pictures }) =>
        pictures.filter(({ split }) => split === 'held-out').map(({ file }) => file.slice(root.length + 3)),
      )
    const [a, b, c] = await heldOut(1)
    expect(a).toHaveLength(4)
    expect(b).toEqual(a)
    expect(c).toHaveLength(1)
    expect(await heldOut(1)).toEqual([a, b, c])
    const others = await Promise.all([2, 3, 4].map(heldOut))
    expect(others.some(([other]) => other!.join() !== a!.join())).toBe(true)
  })
})

describe('a picture file', () => {
  it('is read by what it holds: PNG and JPEG agree, cut to the middle', () => {
    const picture = gradient(48, 32)
    const fromPng = readSquare(encodePng(picture), 'a', 16)
    const fromJpeg = readSquare(jpeg(picture), 'b.png', 16)
    expect(fromPng.data).toHaveLength(16 * 16 * 3)
    // The middle: reds run from 1/6 to 5/6.
    expect(fromPng.data[0]).toBeGreaterThan(255 / 6 - 1)
    expect(fromPng.data[15 * 3]).toBeLessThan((255 * 5) / 6 + 1)
    fromPng.data.forEach((value, i) => expect(Math.abs(value - fromJpeg.data[i]!)).toBeLessThan(12))
  })

  it.each([1, 2, 3, 4, 5, 6, 7, 8])('is turned upright by EXIF orientation %i', (orientation) => {
    const data = jpeg(gradient(16, 16))
    const tiff = [0x4d, 0x4d, 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0]
    const segment = [0xff, 0xe1, 0, tiff.length + 8, 0x45, 0x78, 0x69, 0x66, 0, 0, ...tiff]
    const { data: pixels } = readSquare(
      Uint8Array.from([...data.subarray(0, 2), ...segment, ...data.subarray(2)]),
      'a',
      16,
    )
    const corner = (x: number, y: number): string => {
      const at = (y * 15 * 16 + x * 15) * 3
      return `${pixels[at]! > 127 ? 'R' : 'r'}${pixels[at + 1]! > 127 ? 'G' : 'g'}`
    }
    // As stored: left to right r → R, top to bottom g → G. Corners after PIL.ImageOps.exif_transpose, row by row.
    const expected = [
      'rg Rg rG RG',
      'Rg rg RG rG',
      'RG rG Rg rg',
      'rG RG rg Rg',
      'rg rG Rg RG',
      'rG rg RG Rg',
      'RG Rg rG rg',
      'Rg RG rg rG',
    ]
    expect([corner(0, 0), corner(1, 0), corner(0, 1), corner(1, 1)].join(' ')).toBe(expected[orientation - 1])
  })

  it.each([
    {
      bytes: Uint8Array.from(Buffer.from('RIFF0000WEBPVP8 ')),
      kind: 'unsupported',
      error: /x\.png is neither PNG nor JPEG but WebP/,
    },
    { bytes: new Uint8Array(0), kind: 'unsupported', error: /x\.png is neither/ },
    { bytes: png.subarray(0, 40), kind: 'malformed', error: /picture x\.png cannot be used/ },
    { bytes: jpeg(gradient(32, 32)).subarray(0, 300), kind: 'malformed', error: /picture x\.png cannot be used/ },
    { bytes: encodePng(gradient(2000, 1)), kind: 'validation', error: /picture x\.png cannot be used/ },
  ])('is refused by name: $error ($kind)', ({ bytes, kind, error }) => {
    try {
      readSquare(bytes, 'x.png', 16)
      expect.unreachable()
    } catch (cause) {
      expect(cause).toMatchObject({ kind, message: expect.stringMatching(error) as string })
    }
  })
})

describe('encoding a folder', () => {
  let base: Checkpoint
  let pipeline: Pipeline
  let vaeHash: string
  beforeAll(async () => {
    base = await openCheckpoint(family.base.path)
    vaeHash = hashComponent(base.components.get('vae')!)
    pipeline = await loadPipeline(base, { device: 'cpu' })
  })
  afterAll(() => pipeline.release())

  it('gives latents that decode to the pictures, and noise of each picture’s own', async () => {
    const edge = pipeline.nativeEdge
    const pictures = [gradient(edge, edge), gradient(2 * edge, edge + 10, 200), gradient(edge, edge, 10)]
    pictures.forEach((picture, i) => {
      write(`d/${i}.${i === 1 ? 'jpg' : 'png'}`, i === 1 ? jpeg(picture) : encodePng(picture))
      write(`d/${i}.txt`, `picture ${i}`)
    })
    const cacheFolder = join(root, 'cache')
    const described = await describeImageFolder(join(root, 'd'), 5)
    const chosen = chooseSplit(described, 'all')
    const set = await encodeImageFolder(described, chosen, pipeline, { vaeHash, cacheFolder })
    const [domain] = set.domains
    const [channels, height, width] = domain!.shape
    const image = await decodeLatents(pipeline.parts.vae, { data: domain!.latents, count: 3, channels, height, width })
    toPixels(image).forEach((pixels, i) => {
      const { data } = readSquare(readFileSync(described.domains[0]!.pictures[i]!.file), 'x', edge)
      const error = pixels.reduce((sum, value, at) => sum + (value - data[at]!) ** 2, 0) / pixels.length
      expect(10 * Math.log10(255 ** 2 / error)).toBeGreaterThan(13)
    })
    expect((await denoisingLoss(pipeline, set, domain!)).every((loss) => loss > 0 && loss < 3)).toBe(true)

    // Again from the cache, and one picture alone with the same noise.
    expect(readdirSync(join(cacheFolder, 'latents'))).toHaveLength(3)
    const second = { ...pipeline.parts, openVaeEncoder: () => Promise.reject(new Error('encoded again')) }
    const lent = Object.assign(Object.create(pipeline) as Pipeline, { parts: second, nativeEdge: edge })
    const one = [{ name: 'd', pictures: [chosen[0]!.pictures[1]!] }]
    const alone = await encodeImageFolder(described, one, lent, { vaeHash, cacheFolder })
    const size = channels * height * width
    expect(alone.domains[0]!.latents).toEqual(domain!.latents.slice(size, 2 * size))
    expect(alone.domains[0]!.noise).toEqual(domain!.noise.slice(5 * size, 10 * size))
    expect(domain!.noise.slice(0, size)).not.toEqual(domain!.noise.slice(5 * size, 6 * size))
    // A file that is not whole counts for nothing.
    const kept = readdirSync(join(cacheFolder, 'latents')).map((name) => join(cacheFolder, 'latents', name))
    for (const file of kept) truncateSync(file, 4 * size - 4)
    await expect(encodeImageFolder(described, one, lent, { vaeHash, cacheFolder })).rejects.toThrow('encoded again')
    const repaired = await encodeImageFolder(described, one, pipeline, { vaeHash, cacheFolder })
    expect(repaired.domains[0]!.latents).toEqual(alone.domains[0]!.latents)
    expect(kept.map((file) => statSync(file).size).sort((a, b) => a - b)).toEqual([
      4 * size - 4,
      4 * size - 4,
      4 * size + CHECKSUM_BYTES,
    ])
    // Nor does one with a flipped bit, in the latents or in the checksum behind them.
    const whole = kept.find((file) => statSync(file).size === 4 * size + CHECKSUM_BYTES)!
    for (const position of [0, 4 * size - 1, 4 * size, 4 * size + CHECKSUM_BYTES - 1]) {
      const bytes = readFileSync(whole)
      bytes[position]! ^= 1
      writeFileSync(whole, bytes)
      await collectingDamage(async (notes) => {
        const again = await encodeImageFolder(described, one, pipeline, { vaeHash, cacheFolder })
        expect(again.domains[0]!.latents).toEqual(alone.domains[0]!.latents)
        expect(notes).toEqual([expect.stringContaining(whole)])
      })
    }
    // Another VAE, another seed.
    await expect(encodeImageFolder(described, one, lent, { vaeHash: 'x', cacheFolder })).rejects.toThrow(
      'encoded again',
    )
    const other = await encodeImageFolder({ ...described, seed: 6 }, one, lent, { vaeHash, cacheFolder })
    expect(other.domains[0]!.noise).not.toEqual(alone.domains[0]!.noise)
    const cancelled = { vaeHash, signal: AbortSignal.abort() }
    await expect(encodeImageFolder(described, one, lent, cancelled)).rejects.toMatchObject({ kind: 'cancelled' })
  })

  it('knows a VAE by its weights', async () => {
    const again = await openCheckpoint(join(family.base.path, 'vae'))
    expect(hashComponent(again.components.get('vae')!)).toBe(vaeHash)
    expect(hashComponent(base.components.get('text_encoder')!)).not.toBe(vaeHash)
  })
})
