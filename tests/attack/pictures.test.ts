import { deflateSync } from 'node:zlib'
import { encode as encodeJpeg } from 'jpeg-js'
import { describe, expect, it } from 'vitest'
import { readPngSettings } from '../../src-main/app/previews/png-settings'
import { FusionError } from '../../src-main/contract/errors'
import { decodePng, encodePng, readParameters } from '../../src-main/engine/image/png'
import { makeChunk, SIGNATURE } from '../../src-main/engine/image/png-text'
import { readSquare } from '../../src-main/engine/image/image-file'

/** What a picture of a few pixels may cost; a bomb unpacks to more. */
const MOST_EXTRA_BYTES = 150e6

const zeros = Buffer.alloc(64e6)
/** Zeros that unpack to 256 MB. */
const bomb = Buffer.from(deflateSync(Buffer.concat(Array(4).fill(zeros)), { level: 9 }))

function header(width: number, height: number, [depth, colour, interlace] = [8, 2, 0]): Buffer {
  const data = Buffer.alloc(13)
  data.writeUInt32BE(width, 0)
  data.writeUInt32BE(height, 4)
  data.set([depth!, colour!, 0, 0, interlace!], 8)
  return makeChunk('IHDR', data)
}

const end = makeChunk('IEND', Buffer.alloc(0))
const pixel = makeChunk('IDAT', deflateSync(Buffer.alloc(4)))

function png(...chunks: Buffer[]): Buffer {
  return Buffer.concat([SIGNATURE, ...chunks])
}

function text(type: 'zTXt' | 'iTXt', keyword: string, packed: Buffer): Buffer {
  const between = type === 'zTXt' ? [0, 0] : [0, 1, 0, 0, 0]
  return makeChunk(type, Buffer.concat([Buffer.from(keyword), Buffer.from(between), packed]))
}

/** What became of it; refused in words or not, it takes no memory to speak of. */
function outcome(read: () => unknown): FusionError | null {
  const before = process.memoryUsage.rss()
  const started = performance.now()
  try {
    read()
    return null
  } catch (error) {
    expect(error).toBeInstanceOf(FusionError)
    return error as FusionError
  } finally {
    expect(process.memoryUsage.rss() - before).toBeLessThan(MOST_EXTRA_BYTES)
    expect(performance.now() - started).toBeLessThan(10_000)
  }
}

describe('a PNG', () => {
  const whole = encodePng({ width: 1, height: 1, channels: 3, data: new Uint8Array(3) })

  it.each([
    ['pixels that unpack to more than its header says', png(header(1, 1), makeChunk('IDAT', bomb), end)],
    ['a header that promises more than it holds', png(header(60_000, 1000), pixel, end)],
    ['more pixels than can be used', png(header(100_000, 100_000), makeChunk('IDAT', bomb), end)],
    ['16-bit pixels with transparency that take too much', png(header(8000, 8000, [16, 6, 0]), pixel, end)],
    ['sides of 2³² − 1', png(header(0xffff_ffff, 0xffff_ffff), pixel, end)],
    ['no pixels', png(header(0, 0), pixel, end)],
    ['an unknown kind of colour', png(header(1, 1, [8, 5, 0]), pixel, end)],
    ['a second header with another size', png(header(60_000, 60_000), header(1, 1), pixel, end)],
    ['no header', png(pixel, pixel, end)],
    ['no end', png(header(1, 1), pixel)],
  ])('with %s is refused in words', (_, bytes) => {
    expect(outcome(() => decodePng(bytes))?.kind).toMatch(/malformed|unsupported/)
    expect(outcome(() => readSquare(bytes, 'a.png', 8))?.message).toContain('a.png')
    outcome(() => readPngSettings(bytes))
  })

  it('is decoded whatever else is in it', () => {
    for (const extra of [
      makeChunk('iCCP', Buffer.concat([Buffer.from('a\0\0'), bomb])),
      text('zTXt', 'parameters', bomb),
      text('iTXt', 'parameters', bomb),
      header(30_000, 30_000),
    ]) {
      const bytes = Buffer.concat([whole.subarray(0, 33), extra, whole.subarray(33)])
      expect(outcome(() => expect(decodePng(bytes)).toMatchObject({ width: 1, height: 1 }))).toBeNull()
      expect(outcome(() => expect(readParameters(bytes)).toBeUndefined())).toBeNull()
    }
  })

  it('with thousands of packed texts costs no more than one', () => {
    const packed = deflateSync(Buffer.alloc(3e6))
    const texts = Array.from({ length: 4000 }, (_, index) => text('zTXt', `a${index}`, packed))
    const broken = Array.from({ length: 4000 }, (_, index) => text('iTXt', `b${index}`, bomb.subarray(0, 3000)))
    for (const chunks of [texts, broken])
      expect(outcome(() => readPngSettings(png(header(1, 1), ...chunks, pixel, end)))).toBeNull()
  })
})

describe('a JPEG', () => {
  const { data } = encodeJpeg({ width: 64, height: 64, data: Buffer.alloc(64 * 64 * 4, 100) }, 50)
  const frame = data.indexOf(Buffer.from([0xff, 0xc0]))
  const sized = (width: number, height: number): Buffer => {
    const bytes = Buffer.from(data)
    bytes.writeUInt16BE(height, frame + 5)
    bytes.writeUInt16BE(width, frame + 7)
    return bytes
  }

  it('is read as it should be', () => {
    expect(outcome(() => readSquare(data, 'a.jpg', 8))).toBeNull()
  })

  it.each([
    ['more pixels than its bytes can hold', sized(8000, 8000)],
    ['more pixels than can be used', Buffer.concat([sized(65_535, 65_535), Buffer.alloc(10e6)])],
    ['no pixels', sized(0, 0)],
    [
      'thousands of scans',
      Buffer.concat([
        data.subarray(0, -2),
        ...Array<Buffer>(5000).fill(Buffer.from([0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0])),
      ]),
    ],
    ['an end in the middle', data.subarray(0, data.length >> 1)],
  ])('with %s is refused in words', (_, bytes) => {
    expect(outcome(() => readSquare(bytes, 'a.jpg', 8))?.message).toContain('a.jpg')
  })
})
