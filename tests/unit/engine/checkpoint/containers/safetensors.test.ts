import fc from 'fast-check'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { FusionError } from '../../../../../src-main/contract/errors'
import { readSafetensors } from '../../../../../src-main/engine/checkpoint/containers/safetensors'
import { parseHeader } from '../../../../../src-main/engine/checkpoint/containers/safetensors-header'
import { encodeHeader } from '../../../../../src-main/engine/checkpoint/containers/safetensors-write'
import { BYTES_PER_ELEMENT, elementCount, type ElementType } from '../../../../../src-main/engine/tensor/element-type'
import { randomFile, seededRandom } from './header-mutations'

const folder = mkdtempSync(join(tmpdir(), 'featurefusion-safetensors-'))
afterAll(() => rmSync(folder, { recursive: true }))

const parse = (json: string | Uint8Array, dataLength = 0) =>
  parseHeader(typeof json === 'string' ? Buffer.from(json) : json, dataLength, 'x.safetensors')

const tensor = (dtype: string, shape: string, offsets: string) =>
  `{"dtype":${dtype},"shape":${shape},"data_offsets":${offsets}}`

// Each verdict is that of safetensors 0.8.0 (see safetensors-library.test.ts, which asks it about thousands more).
const ACCEPTED: [string, string, number][] = [
  ['no tensors', '{}', 0],
  ['white space around', ' \n\t\r{} \n', 0],
  ['null metadata', '{"__metadata__":null}', 0],
  ['a metadata key twice', '{"__metadata__":{"a":"b","a":"c"}}', 0],
  ['a scalar', `{"a":${tensor('"F32"', '[]', '[0,4]')}}`, 4],
  ['a tensor as an array', '{"a":["F32",[],[0,4]]}', 4],
  ['a dtype as an enum object', `{"a":${tensor('{"F32":null}', '[]', '[0,4]')}}`, 4],
  ['an empty tensor', `{"a":${tensor('"F32"', '[0,7]', '[0,0]')}}`, 0],
  ['two empty tensors at one place', `{"a":${tensor('"F32"', '[0]', '[0,0]')},"b":${tensor('"F32"', '[0]', '[0,0]')}}`, 0],
  ['unknown fields', '{"a":{"dtype":"F32","x":[1e3,{"y":null}],"shape":[],"data_offsets":[0,4]}}', 4],
  ['a tensor twice, the later whole', `{"a":${tensor('"F32"', '[]', '[0,4]')},"a":${tensor('"F32"', '[2]', '[0,8]')}}`, 8],
  ['tensors in another order', `{"b":${tensor('"U8"', '[1]', '[4,5]')},"a":${tensor('"F32"', '[]', '[0,4]')}}`, 5],
  ['types that we do not compute with', `{"a":${tensor('"F4"', '[4]', '[0,2]')},"b":${tensor('"F6_E2M3"', '[4]', '[2,5]')}}`, 5],
  ['escapes', '{"\\ud83d\\ude00\\u0041\\n":["F32",[],[0,4]]}', 4],
  ['nesting of 127', `{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4],"x":${'['.repeat(125)}${']'.repeat(125)}}}`, 4],
] // prettier-ignore

const REFUSED: [string, string, number][] = [
  ['nothing', '', 0],
  ['an array', '[]', 0],
  ['a byte order mark', '\ufeff{}', 0],
  ['characters after the end', '{}x', 0],
  ['a zero after the end', '{}\0', 0],
  ['a trailing comma', '{"__metadata__":{},}', 0],
  ['metadata twice', '{"__metadata__":{},"__metadata__":{}}', 0],
  ['metadata that is no text', '{"__metadata__":{"a":1}}', 0],
  ['a field twice', '{"a":{"dtype":"F32","dtype":"F32","shape":[],"data_offsets":[0,4]}}', 4],
  ['a missing field', '{"a":{"dtype":"F32","shape":[]}}', 4],
  ['four fields in an array', '{"a":["F32",[],[0,4],1]}', 4],
  ['three offsets', `{"a":${tensor('"F32"', '[]', '[0,4,4]')}}`, 4],
  ['one offset', `{"a":${tensor('"F32"', '[]', '[0]')}}`, 4],
  ['an unknown dtype', `{"a":${tensor('"F33"', '[]', '[0,4]')}}`, 4],
  ['a fraction', `{"a":${tensor('"F32"', '[1.0]', '[0,4]')}}`, 4],
  ['an exponent', `{"a":${tensor('"F32"', '[1e0]', '[0,4]')}}`, 4],
  ['a sign', `{"a":${tensor('"F32"', '[-1]', '[0,4]')}}`, 4],
  ['minus zero', `{"a":${tensor('"F32"', '[-0]', '[0,0]')}}`, 0],
  ['a leading zero', `{"a":${tensor('"F32"', '[01]', '[0,4]')}}`, 4],
  ['an integer beyond 64 bits', `{"a":${tensor('"F32"', '[0,18446744073709551616]', '[0,0]')}}`, 0],
  ['a product beyond 64 bits on the way to zero', `{"a":${tensor('"F32"', '[4294967296,4294967296,0]', '[0,0]')}}`, 0],
  ['a number out of range in an unknown field', '{"a":{"dtype":"F32","x":1e400,"shape":[],"data_offsets":[0,4]}}', 4],
  ['a hole', `{"a":${tensor('"F32"', '[]', '[4,8]')}}`, 8],
  ['an overlap', `{"a":${tensor('"F32"', '[]', '[0,4]')},"b":${tensor('"F32"', '[]', '[2,6]')}}`, 6],
  ['offsets backwards', `{"a":${tensor('"F32"', '[]', '[4,0]')}}`, 4],
  ['a length that its shape does not have', `{"a":${tensor('"F32"', '[2]', '[0,4]')}}`, 4],
  ['bits that are no whole bytes', `{"a":${tensor('"F4"', '[3]', '[0,2]')}}`, 2],
  ['data after the last tensor', `{"a":${tensor('"F32"', '[]', '[0,4]')}}`, 5],
  ['data that ends too early', `{"a":${tensor('"F32"', '[]', '[0,4]')}}`, 3],
  ['half a surrogate pair', '{"\\ud800":["F32",[],[0,4]]}', 4],
  ['a control character', '{"a\n":["F32",[],[0,4]]}', 4],
  ['nesting of 128', `{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4],"x":${'['.repeat(126)}${']'.repeat(126)}}}`, 4],
] // prettier-ignore

describe('the header', () => {
  it.each(ACCEPTED)('accepts %s', (_, json, dataLength) => {
    expect(() => parse(json, dataLength)).not.toThrow()
  })

  it.each(REFUSED)('refuses %s', (_, json, dataLength) => {
    expect(() => parse(json, dataLength)).toThrow(expect.objectContaining({ kind: 'malformed' }))
  })

  it.each([[[0xc0, 0xa2]], [[0xed, 0xa0, 0x80]], [[0xf4, 0x90, 0x80, 0x80]], [[0xe2, 0x82]]])(
    'refuses UTF-8 that is not (%s)',
    (bytes) => {
      const json = Buffer.concat([Buffer.from('{"'), Buffer.from(bytes), Buffer.from('":["F32",[],[0,4]]}')])
      expect(() => parse(json, 4)).toThrow(expect.objectContaining({ kind: 'malformed' }))
    },
  )

  it('takes the later of two tensors with one name', () => {
    expect(parse(ACCEPTED.find(([name]) => name.startsWith('a tensor twice'))?.[1] as string, 8).tensors).toEqual([
      { name: 'a', elementType: 'F32', shape: [2], begin: 0, byteLength: 8 },
    ])
  })
})

describe('files', () => {
  const path = join(folder, 'x.safetensors')

  it.each(['F4', 'F6_E2M3', 'F6_E3M2', 'F8_E8M0', 'C64', 'F8_E4M3FNUZ'])('refuse %s by name', async (dtype) => {
    const bits = { F4: 4, F6_E2M3: 6, F6_E3M2: 6, C64: 64 }[dtype] ?? 8
    const json = Buffer.from(`{"layer":${tensor(JSON.stringify(dtype), '[8]', `[0,${bits}]`)}}`)
    const length = Buffer.alloc(8)
    length.writeUInt32LE(json.length)
    writeFileSync(path, Buffer.concat([length, json, Buffer.alloc(bits)]))
    const message = expect.stringMatching(new RegExp(`layer.*${dtype}`)) as string
    await expect(readSafetensors(path)).rejects.toMatchObject({ kind: 'unsupported', message })
  })

  it('that are not there, too short, or claim a header longer than they are', async () => {
    await expect(readSafetensors(join(folder, 'none'))).rejects.toMatchObject({ kind: 'not-found' })
    for (const start of [[], [1, 2, 3], [16, 0, 0, 0, 0, 0, 0, 0, 123], [255, 255, 255, 255, 255, 255, 255, 255]]) {
      writeFileSync(path, Buffer.from(start))
      await expect(readSafetensors(path)).rejects.toMatchObject({ kind: 'malformed' })
    }
  })

  it(
    '10,000 random and mutated ones give a tensor list or a FusionError, each within a second',
    { timeout: 120_000 },
    async () => {
      const random = seededRandom(20260101)
      const heapBefore = process.memoryUsage().rss
      let accepted = 0
      for (let i = 0; i < 10_000; i++) {
        const bytes = i % 10 === 0 ? Buffer.from(Array.from({ length: 64 }, () => random() * 256)) : randomFile(random)
        writeFileSync(path, bytes)
        const started = performance.now()
        try {
          const { tensors } = await readSafetensors(path)
          const end = tensors.reduce((last, { offset, byteLength }) => Math.max(last, offset + byteLength), 0)
          expect(end).toBeLessThanOrEqual(bytes.byteLength)
          accepted++
        } catch (error) {
          if (!(error instanceof FusionError)) throw error
          expect(error.kind).toMatch(/malformed|unsupported/)
          expect(error.message).toContain('x.safetensors')
        }
        expect(performance.now() - started).toBeLessThan(10_000)
      }
      expect(accepted).toBeGreaterThan(1000)
      expect(accepted).toBeLessThan(9000)
      expect(process.memoryUsage().rss - heapBefore).toBeLessThan(500e6)
    },
  )
})

describe('the header that is written', () => {
  const types = Object.keys(BYTES_PER_ELEMENT) as ElementType[]
  const tensors = fc.uniqueArray(
    fc.record({
      name: fc.string({ unit: 'binary' }).filter((name) => name !== '__metadata__'),
      elementType: fc.constantFrom(...types),
      shape: fc.array(fc.nat(5), { maxLength: 4 }),
    }),
    { selector: ({ name }) => name, maxLength: 12 },
  )
  const metadata = fc.dictionary(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }))

  it('is read back as it was, at a multiple of 8 bytes', () => {
    fc.assert(
      fc.property(tensors, metadata, (list, texts) => {
        const sized = list.map((item) => {
          return { ...item, byteLength: elementCount(item.shape) * BYTES_PER_ELEMENT[item.elementType] }
        })
        const bytes = encodeHeader(sized, texts)
        expect(bytes.byteLength % 8).toBe(0)
        expect(Buffer.from(bytes).readBigUInt64LE()).toBe(BigInt(bytes.byteLength - 8))
        const dataLength = sized.reduce((sum, { byteLength }) => sum + byteLength, 0)
        const header = parse(bytes.subarray(8), dataLength)
        expect(header.metadata).toEqual({ ...texts })
        let begin = 0
        const expected = sized.map((item) => ({ ...item, begin: (begin += item.byteLength) - item.byteLength }))
        const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1)
        expect(header.tensors.toSorted(byName)).toEqual(expected.toSorted(byName))
      }),
      { numRuns: 500 },
    )
  })

  it('holds its metadata first and its tensors in the order given', () => {
    const bytes = encodeHeader(
      [
        { name: '2', elementType: 'F16', shape: [1], byteLength: 2 },
        { name: '1', elementType: 'F32', shape: [], byteLength: 4 },
      ],
      { a: 'half \ud800' },
    )
    expect(Buffer.from(bytes.subarray(8)).toString().trimEnd()).toBe(
      '{"__metadata__":{"a":"half \ufffd"},"2":{"dtype":"F16","shape":[1],"data_offsets":[0,2]},' +
        '"1":{"dtype":"F32","shape":[],"data_offsets":[2,6]}}',
    )
  })
})
