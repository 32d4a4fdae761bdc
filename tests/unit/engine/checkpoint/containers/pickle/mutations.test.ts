import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import fc from 'fast-check'
import { afterAll, expect, it, vi } from 'vitest'
import { FusionError } from '../../../../../../src-main/contract/errors'
import type { StoredTensor } from '../../../../../../src-main/engine/checkpoint/containers/container'
import { readPickleFile } from '../../../../../../src-main/engine/checkpoint/containers/pickle-file'
import { TensorReader } from '../../../../../../src-main/engine/checkpoint/containers/tensor-reader'
import { BYTES_PER_ELEMENT, spanOf } from '../../../../../../src-main/engine/tensor/element-type'
import { attacks } from './attacks'
import { bytes, dict, legacyFile, pickle, tensor, torchFile, u32, u64 } from './build-pickles'

const RUNS = Number(process.env['FEATUREFUSION_FILES'] ?? 10_000)
/** Of the processor, not of the clock: other tests run at the same time. */
const MOST_MICROSECONDS = 1e6
/** What is read of any file at once. */
const FIRST_READ_BYTES = 64

const folder = mkdtempSync(join(tmpdir(), 'featurefusion-pickles-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const path = join(folder, 'a.ckpt')

const fixtures = resolve(__dirname, 'fixtures')
const whole = readdirSync(fixtures)
  .filter((name) => /\.(pt|bin)$/.test(name))
  .map((name) => readFileSync(join(fixtures, name)))
const plain = pickle(
  dict({ state_dict: dict({ a: tensor(), b: tensor({ start: 1, shape: [1, 2], strides: [0, 1] }) }) }),
)
const short = Object.values(attacks('touch /nowhere/at/all')).filter(({ length }) => length < 2000)

const edge = fc.constantFrom(0, 1, 2, 0x7f, 0x80, 0xff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff)
type Mutation = (file: Buffer) => Buffer
const place = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
const at = (file: Buffer, where: number): number => Math.floor(where * file.length)
const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.tuple(place, fc.nat(255)).map(([where, value]): Mutation => (file) => {
    const changed = Buffer.from(file)
    if (changed.length > 0) changed[at(file, where)] = value
    return changed
  }),
  fc.tuple(place, fc.nat(7)).map(([where, bit]): Mutation => (file) => {
    const changed = Buffer.from(file)
    if (changed.length > 0) changed[at(file, where)]! ^= 1 << bit
    return changed
  }),
  fc.tuple(place, edge).map(([where, value]): Mutation => (file) => {
    const changed = Buffer.from(file)
    if (changed.length >= 4) changed.writeUInt32LE(value, Math.min(at(file, where), changed.length - 4))
    return changed
  }),
  place.map(
    (where): Mutation =>
      (file) =>
        file.subarray(0, at(file, where)),
  ),
  fc.tuple(place, place).map(([from, to]): Mutation => (file) => {
    const [start, end] = [at(file, Math.min(from, to)), at(file, Math.max(from, to))]
    return bytes(file.subarray(0, start), file.subarray(end))
  }),
  fc.tuple(place, place, place).map(([from, to, where]): Mutation => (file) => {
    const part = file.subarray(at(file, Math.min(from, to)), at(file, Math.max(from, to)))
    return bytes(file.subarray(0, at(file, where)), part, file.subarray(at(file, where)))
  }),
  fc.tuple(place, fc.uint8Array({ minLength: 1, maxLength: 16 })).map(([where, added]): Mutation => (file) => {
    return bytes(file.subarray(0, at(file, where)), Buffer.from(added), file.subarray(at(file, where)))
  }),
)

/** Pickles of operations in any order, most of which have what they need on the stack. */
const operation = fc.oneof(
  fc.constantFrom(
    ...'(02NtabdelopqsuRQ})]\x81\x85\x86\x87\x88\x89\x8f\x90\x91\x92\x93\x94'.split('').map((one) => bytes(one)),
  ),
  fc.nat(255).map((value) => Buffer.from([value])),
  fc
    .tuple(fc.constantFrom('h', 'q', 'K', 'C', 'U', '\x8c'), fc.nat(4))
    .map(([one, value]) => bytes(one, Buffer.from([value]))),
  fc.tuple(fc.constantFrom('X', 'B', 'T', 'J', 'j', 'r', '\x8b'), edge).map(([one, value]) => bytes(one, u32(value))),
  fc.tuple(fc.constantFrom('\x8d', '\x8e', '\x96', '\x95'), edge).map(([one, value]) => bytes(one, u64(value))),
  fc.constantFrom(
    bytes('X\x01\0\0\0a'),
    bytes('ctorch._utils\n_rebuild_tensor_v2\n'),
    bytes('ccollections\nOrderedDict\n'),
    tensor(),
    dict({ a: tensor() }),
  ),
)
const generated = fc.array(operation, { maxLength: 60 }).map((operations) => bytes('\x80\x04', ...operations, '.'))

/** Files: of PyTorch, of pickles that attack, and of generated ones, changed as a whole or in their pickles. */
const inner = fc.oneof(fc.constant(plain), fc.constantFrom(...short), generated)
const changes = fc.array(mutation, { maxLength: 4 })
const apply = (file: Buffer, mutations: readonly Mutation[]): Buffer =>
  mutations.reduce((changed, mutate) => mutate(changed).subarray(0, 200_000), file)
const file = fc.oneof(
  fc.tuple(fc.constantFrom(...whole), changes).map(([found, mutations]) => apply(found, mutations)),
  fc.tuple(inner, changes).map(([data, mutations]) => torchFile(apply(data, mutations))),
  fc.tuple(inner, changes).map(([data, mutations]) => legacyFile(apply(data, mutations))),
  fc.tuple(inner, changes).map(([data, mutations]) => apply(torchFile(data), mutations)),
)

/** Reads a file with all its tensors. @returns how many it has; undefined where it is refused */
function read(contents: Buffer): number | undefined {
  writeFileSync(path, contents)
  const allocations = [vi.spyOn(Buffer, 'allocUnsafe'), vi.spyOn(Buffer, 'alloc')]
  const before = process.cpuUsage()
  try {
    const { tensors } = readPickleFile(path)
    for (const one of tensors) readWhole(one, contents.length)
    return tensors.length
  } catch (error) {
    expect(error).toBeInstanceOf(FusionError)
    expect((error as FusionError).kind).toMatch(/^(malformed|unsupported)$/)
    return undefined
  } finally {
    const { user, system } = process.cpuUsage(before)
    expect(user + system).toBeLessThan(MOST_MICROSECONDS)
    for (const spy of allocations) {
      for (const [size] of spy.mock.calls) expect(size).toBeLessThanOrEqual(Math.max(contents.length, FIRST_READ_BYTES))
      spy.mockRestore()
    }
  }
}

/** A tensor that was read lies in the file, and its values take no more memory than it. */
function readWhole(stored: StoredTensor, size: number): void {
  const { shape, strides, elementType, offset, byteLength } = stored
  const reach = strides ? spanOf(shape, strides) * BYTES_PER_ELEMENT[elementType] : byteLength
  expect(offset).toBeGreaterThanOrEqual(0)
  expect(offset + reach).toBeLessThanOrEqual(size)
  expect(byteLength).toBeLessThanOrEqual(size)
  const reader = new TensorReader()
  reader.read(stored, 0, new Uint8Array(byteLength))
  reader.close()
}

it(`of ${RUNS} damaged and made-up files, none runs, breaks or stalls anything`, { timeout: 600_000 }, () => {
  let accepted = 0
  fc.assert(
    fc.property(file, (contents) => {
      if (read(contents) !== undefined) accepted++
    }),
    { numRuns: RUNS },
  )
  // Both ways out are tried.
  expect(accepted).toBeGreaterThan(RUNS / 100)
  expect(accepted).toBeLessThan(RUNS)
})

it('nothing that reads pickles can call anything by its name', () => {
  const sources = resolve('src-main/engine/checkpoint/containers/pickle')
  for (const name of readdirSync(sources)) {
    const source = readFileSync(join(sources, name), 'utf8')
    const imports = [...source.matchAll(/from '([^']+)'/g)].map(([, module]) => module!)
    const outside = imports.filter((module) => !module.startsWith('.'))
    expect(
      outside.filter((module) => !['node:fs', 'node:buffer'].includes(module)),
      name,
    ).toEqual([])
    const code = source.replace(/\/\*[\s\S]*?\*\/|\/\/.*|`[^`]*`|'[^'\n]*'/g, '')
    expect(code, name).not.toMatch(/\beval\b|\bFunction\(|\bimport\(|\brequire\(|globalThis|Reflect|\.apply\(|\.call\(/)
  }
})
