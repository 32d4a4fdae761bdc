import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { FusionError } from '../../../../../../src-main/contract/errors'
import { readPickleFile } from '../../../../../../src-main/engine/checkpoint/containers/pickle-file'
import { temporaryFolder } from '../../../merge/models'
import { bytes, dict, pickle, tensor, torchFile, u32, u64, zip, type ZipFileOptions } from './build-pickles'

const data = pickle(dict({ a: tensor() }))
const model: ZipFileOptions = { name: 'archive/data.pkl', data }
const storage: ZipFileOptions = { name: 'archive/data/0', data: Buffer.alloc(16) }

function read(file: Buffer): ReturnType<typeof readPickleFile> {
  const path = join(temporaryFolder(), 'a.ckpt')
  writeFileSync(path, file)
  return readPickleFile(path)
}

/** The end of an archive in numbers of 8 bytes, and where it is. */
function end64(count: number, byteLength: number, start: number, place = start + byteLength): Buffer {
  const parts = [
    u32(0x06064b50),
    u64(44),
    Buffer.alloc(4),
    u32(0),
    u32(0),
    u64(count),
    u64(count),
    u64(byteLength),
    u64(start),
  ]
  return bytes(...parts, u32(0x07064b50), u32(0), u64(place), u32(1))
}

it('reads an archive as PyTorch writes it, in a folder of any name', () => {
  expect(read(torchFile(data)).tensors).toHaveLength(1)
  const named = [model, storage].map((file) => ({ ...file, name: file.name.replace('archive', 'имя 1.5') }))
  expect(read(zip(named)).tensors).toHaveLength(1)
})

it('reads directories in numbers of 8 bytes', () => {
  const plain = zip([model, storage])
  const start = plain.readUInt32LE(plain.length - 6)
  const byteLength = plain.readUInt32LE(plain.length - 10)
  expect(read(zip([model, storage], { beforeEnd: end64(2, byteLength, start) })).tensors).toHaveLength(1)
  for (const wrong of [
    end64(1, byteLength, start),
    end64(2, byteLength - 1, start + 1),
    end64(2, byteLength, start, 0),
    end64(2, 2 ** 40, start),
  ])
    expect(() => read(zip([model, storage], { beforeEnd: wrong }))).toThrowError(FusionError)
})

describe('archives that other readers might read differently', () => {
  const other: ZipFileOptions = { name: 'archive/other', data: 'other' }
  it.each<[string, Buffer, RegExp]>([
    ['a comment behind its end', zip([model, storage], { end: 'x' }), /does not end where the file ends/],
    ['another archive behind it', bytes(torchFile(data), torchFile(data)), /between its directory/],
    ['something in front of it', zip([model, storage], { front: 'x' }), /PyTorch did not write|pickle/],
    ['another archive in front of it', zip([model, storage], { front: zip([model, storage]) }), /stands in front/],
    ['something between its directory and its end', zip([model, storage], { beforeEnd: 'x' }), /between its directory/],
    ['a hidden archive between its files', zip([model, { ...storage, gap: zip([model]) }]), /stands in front/],
    ['two files of one name', zip([model, model, storage]), /two files named archive\/data\.pkl/],
    ['two pickles in two folders', zip([model, { ...model, name: 'b/data.pkl' }, storage]), /several folders/],
    ['overlapping files', zip([model, { ...storage, inDirectory: { header: 0 } }]), /not what its directory says/],
    ['the same file twice', zip([model, { ...model, inDirectory: { header: 0 } }]), /two files named|overlaps/],
    [
      'files that reach into the next',
      zip([{ ...other, inDirectory: { size: 500 } }, model, storage]),
      /not what|overlaps/,
    ],
    [
      'a file that reaches into the directory',
      zip([model, { ...storage, inDirectory: { size: 60 } }]),
      /not what|overlap/,
    ],
    [
      'another name in the directory',
      zip([model, { ...storage, name: 'archive/data/1', inDirectory: { name: 'archive/data/0' } }]),
      /not what its directory says/,
    ],
    ['a name that leads out', zip([model, storage, { ...other, name: 'archive/../x' }]), /leads out/],
    ['an absolute name', zip([model, storage, { ...other, name: '/etc/x' }]), /leads out/],
    ['a name of Windows', zip([model, storage, { ...other, name: 'archive\\..\\x' }]), /leads out/],
    ['a name with a drive', zip([model, storage, { ...other, name: 'C:/x' }]), /leads out/],
    ['a name with a control character', zip([model, storage, { ...other, name: 'archive/\0x' }]), /leads out/],
    ['a link', zip([model, storage, { ...other, inDirectory: { mode: 0o120777 } }]), /is a link/],
    ['an encrypted file', zip([model, { ...storage, inDirectory: { flags: 1 } }]), /is encrypted/],
    ['a compressed file', zip([model, { ...storage, method: 8 }]), /compressed archive/],
    [
      'a method in the directory alone',
      zip([model, { ...storage, inDirectory: { method: 8 } }]),
      /not what its directory says/,
    ],
    ['no pickle', zip([storage]), /without a model of PyTorch/],
    ['a pickle outside a folder', zip([{ ...model, name: 'data.pkl' }, storage]), /without a model of PyTorch/],
    ['no file at all', zip([]), /PyTorch did not write|malformed|valid|unknown/],
    ['a place behind the end', zip([model, { ...storage, inDirectory: { header: 1e9 } }]), /behind the end/],
    ['something behind the pickle', torchFile(bytes(data, data)), /behind its pickle/],
    [
      'an order of bytes that nobody knows',
      torchFile(data, { 0: 16 }, [{ name: 'archive/byteorder', data: 'middle' }]),
      /big-endian|order/,
    ],
  ])('%s', (_, file, message) => {
    expect(() => read(file)).toThrowError(FusionError)
    expect(() => read(file)).toThrowError(message)
  })
})

it('refuses every archive that is cut short', () => {
  const whole = torchFile(data)
  for (let length = 0; length < whole.length; length += 7)
    expect(() => read(whole.subarray(0, length))).toThrowError(FusionError)
})
