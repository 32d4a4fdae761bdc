import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { FusionError } from '../../../../../../src-main/contract/errors'
import { readPickleFile } from '../../../../../../src-main/engine/checkpoint/containers/pickle-file'
import { readSafetensors } from '../../../../../../src-main/engine/checkpoint/containers/safetensors'
import { readBytes, readFloats } from '../../../../../../src-main/engine/checkpoint/containers/stored-values'
import { temporaryFolder } from '../../../merge/models'
import { dict, legacyFile, pickle, tensor, tuple, text, torchFile, bytes, global, reduce, long } from './build-pickles'

const fixture = (name: string): string => resolve(__dirname, 'fixtures', name)

describe('files that PyTorch wrote (fixtures/generate.py)', () => {
  it.each([
    'zip-protocol-2.pt',
    'zip-protocol-3.pt',
    'zip-protocol-4.pt',
    'zip-protocol-5.pt',
    'legacy-protocol-1.pt',
    'legacy-protocol-2.pt',
    'legacy-protocol-4.pt',
  ])('%s has the values of the same tensors as safetensors', async (name) => {
    const expected = await readSafetensors(fixture('expected.safetensors'))
    const { tensors, leftAside } = readPickleFile(fixture(name))
    expect(leftAside).toEqual([])
    expect(tensors.map((one) => one.name).sort()).toEqual(expected.tensors.map((one) => one.name).sort())
    for (const other of expected.tensors) {
      const own = tensors.find((one) => one.name === other.name)!
      expect([own.name, own.elementType, own.shape]).toEqual([other.name, other.elementType, other.shape])
      expect(Buffer.from(readBytes(own)), own.name).toEqual(Buffer.from(readBytes(other)))
    }
  })

  it.each([
    ['big-endian.pt', /big-endian/],
    ['big-endian-legacy.pt', /big-endian/],
    ['module.pt', /whole model with its program of the class torch\.nn\.modules\.linear\.Linear/],
    ['module-legacy.pt', /whole model with its program/],
    ['module-in-dict.pt', /whole model with its program/],
    ['script.pt', /TorchScript/],
    ['tensor.pt', /one tensor without a name/],
    ['list.pt', /without weights/],
    ['empty.pt', /without weights/],
    ['two-sets.pt', /several sets of weights \(a, b\)/],
    ['hypernetwork.pt', /a hypernetwork/],
    ['sparse.pt', /Tensor a of .*_rebuild_sparse_tensor/],
    ['quantised.pt', /Tensor a of .*_rebuild_qtensor/],
    ['complex.pt', /Tensor a of .*complex64/],
    ['expanded.pt', /Tensor a of .*expanded/],
    ['negative.pt', /Tensor a of .*negative/],
  ])('%s is refused by what it is', (name, message) => {
    expect(() => readPickleFile(fixture(name))).toThrowError(message)
    expect(() => readPickleFile(fixture(name))).toThrowError(FusionError)
  })

  it.each([
    ['nested.pt', ['x'], /epoch/],
    ['one-set.pt', ['x'], /epoch/],
    ['inversion.pt', ['string_to_param.*'], /string_to_token, name, step/],
    ['learned_embeds.bin', ['<style>'], undefined],
    ['folder-name.pt', ['x', 'model_ema.x'], undefined],
    ['others.pt', ['a'], /b, c, 7, d; objects of numpy\._core\.multiarray\._reconstruct/],
  ])('%s gives its tensors and names the rest', (name, names, rest) => {
    const { tensors, leftAside } = readPickleFile(fixture(name))
    expect(tensors.map((one) => one.name)).toEqual(names)
    if (rest) expect(leftAside.join()).toMatch(rest)
    else expect(leftAside).toEqual([])
  })

  it('gives the tensors of a file without any level above them, as the goldens have them', () => {
    const layouts = resolve('tests/golden/layouts')
    const { models } = JSON.parse(readFileSync(join(layouts, 'manifest.json'), 'utf8')) as {
      models: Record<string, { tensors?: Record<string, { shape: number[]; sum: number }> }>
    }
    const expected = models['sd1-ldm-no-state-dict']!.tensors!
    const { tensors } = readPickleFile(join(layouts, 'sd1-ldm-no-state-dict.ckpt'))
    expect(tensors.map(({ name }) => name).sort()).toEqual(Object.keys(expected).sort())
    for (const stored of tensors) {
      expect(stored.shape).toEqual(expected[stored.name]!.shape)
      const sum = readFloats(stored).reduce((total, value) => total + value, 0)
      expect(sum).toBeCloseTo(expected[stored.name]!.sum, 3)
    }
  })

  it('names what a training left beside the weights', () => {
    const { tensors, leftAside } = readPickleFile(resolve('tests/golden/layouts/sd1-ldm-fp16.ckpt'))
    expect(tensors).toHaveLength(988)
    expect(leftAside.join()).toMatch(
      /callbacks, optimizer_states, lr_schedulers; objects of pytorch_lightning\.callbacks\.model_checkpoint\.ModelCheckpoint/,
    )
  })
})

describe('tensors beside the weights', () => {
  const read = (entries: Record<string, Buffer>): ReturnType<typeof readPickleFile> => {
    const path = join(temporaryFolder(), 'a.pt')
    writeFileSync(path, torchFile(pickle(dict(entries))))
    return readPickleFile(path)
  }
  const weights = dict({ 'a.weight': tensor(), 'a.bias': tensor() })

  it.each([
    ['state_dict', 'global_step'],
    ['model', 'iteration'],
    ['model', 'ema_decay'],
    ['state_dict', 'rng_state'],
    ['unet', 'step'],
    ['state_dict', 'lr.scale'],
  ])('do not hide those under %s: %s', (key, beside) => {
    const { tensors, leftAside } = read({ [beside]: tensor(), [key]: weights })
    expect(tensors.map(({ name }) => name)).toEqual(['a.weight', 'a.bias'])
    expect(leftAside.join()).toContain(`(${beside})`)
  })

  it('do not hide that the weights are in several sets, or in a program', () => {
    expect(() => read({ step: tensor(), a: weights, b: weights })).toThrowError(/several sets of weights \(a, b\)/)
    const made = bytes(global('torch.nn.modules.linear', 'Linear'), ')\x81')
    const program = bytes(made, dict({ _parameters: weights, _modules: dict({}) }), 'b')
    expect(() => read({ step: tensor(), model: program })).toThrowError(/whole model with its program/)
  })

  it('are the weights where there are as many of a network as under the key', () => {
    const { tensors, leftAside } = read({ 'a.weight': tensor(), 'a.bias': tensor(), ema: weights })
    expect(tensors.map(({ name }) => name)).toEqual(['a.weight', 'a.bias'])
    expect(leftAside.join()).toContain('(ema)')
  })

  it('do not hide a textual inversion, be its vectors in a dict or in a ParameterDict', () => {
    const none = reduce(global('collections', 'OrderedDict'))
    const parameter = reduce(global('torch._utils', '_rebuild_parameter'), tensor(), '\x88', none)
    const made = bytes(global('torch.nn.modules.container', 'ParameterDict'), ')\x81')
    const parameters = bytes(made, dict({ _parameters: dict({ '*': parameter }), _modules: dict({}) }), 'b')
    for (const vectors of [dict({ '*': tensor() }), parameters]) {
      const { tensors, leftAside } = read({ string_to_token: dict({ '*': tensor() }), string_to_param: vectors })
      expect(tensors.map(({ name }) => name)).toEqual(['string_to_param.*'])
      expect(leftAside.join()).toContain('(string_to_token')
    }
  })
})

describe('tensors that do not lie in their storages', () => {
  const read = (file: Buffer): ReturnType<typeof readPickleFile> => {
    const path = join(temporaryFolder(), 'a.pt')
    writeFileSync(path, file)
    return readPickleFile(path)
  }
  const zipped = (options: Parameters<typeof tensor>[0]): Buffer => torchFile(pickle(dict({ a: tensor(options) })))
  const legacy = (options: Parameters<typeof tensor>[0]): Buffer => legacyFile(pickle(dict({ a: tensor(options) })))

  it('are read where they do', () => {
    for (const file of [zipped({}), legacy({}), zipped({ start: 2, shape: [2] }), zipped({ start: 4, shape: [0] })])
      expect(read(file).tensors).toHaveLength(1)
  })

  it.each([
    ['behind the end', { start: 1 }],
    ['behind the end, by strides', { shape: [2, 2], strides: [3, 1] }],
    ['far behind it', { start: 2 ** 52 }],
    ['as many as no number says', { shape: [2 ** 40, 2 ** 40], strides: [0, 0] }],
    ['more elements than the storage', { shape: [1000], strides: [0] }],
    ['without storage', { key: '1' }],
    ['a longer storage than the file has', { count: 5, shape: [1] }],
    ['a storage of another kind', { storage: 'NoStorage' }],
    ['fewer strides than dimensions', { shape: [2, 2], strides: [1] }],
    ['too many dimensions', { shape: new Array<number>(65).fill(1) }],
  ])('%s', (_, options) => {
    for (const file of [zipped(options), legacy(options)]) expect(() => read(file)).toThrowError(FusionError)
  })

  it('are read where they are cut out of a larger one, as long as that is not much larger', () => {
    const column = (length: number): Buffer => {
      const cut = tensor({ count: length * length, shape: [length], strides: [length] })
      return torchFile(pickle(dict({ a: cut })), { 0: 4 * length * length })
    }
    expect(read(column(100)).tensors).toHaveLength(1)
    expect(() => read(column(1000))).toThrowError(/Tensor a of .*every 999th number/)
  })

  it('are refused in a part of a storage that is not in it', () => {
    const part = (start: number, count: number): Buffer => {
      const view = tuple(text('view'), long(start), long(count))
      const id = tuple(text('storage'), global('torch', 'FloatStorage'), text('0'), text('cpu'), long(4), view)
      const numbers = (value: number): Buffer => tuple(long(value))
      const made = reduce(global('torch._utils', '_rebuild_tensor'), bytes(id, 'Q'), long(0), numbers(2), numbers(1))
      return legacyFile(pickle(dict({ a: made })))
    }
    const whole = read(part(0, 4)).tensors[0]!
    expect(read(part(2, 2)).tensors[0]!.offset).toBe(whole.offset + 8)
    expect(() => read(part(3, 2))).toThrowError(FusionError)
    expect(() => read(part(2, 1))).toThrowError(FusionError)
  })

  it('are refused where two types share a storage of the older form', () => {
    const other = tensor({ storage: 'IntStorage' })
    expect(() => read(legacyFile(pickle(dict({ a: tensor(), b: other }))))).toThrowError(/storage 0 is float32 here/)
  })
})

it('refuses a name that no safetensors file can have', () => {
  const path = join(temporaryFolder(), 'a.pt')
  writeFileSync(path, torchFile(pickle(dict({ __metadata__: tensor() }))))
  expect(() => readPickleFile(path)).toThrowError(FusionError)
})

it('refuses a pickle that PyTorch did not write', () => {
  const path = join(temporaryFolder(), 'a.pt')
  writeFileSync(path, pickle(dict({ a: text('b') })))
  expect(() => readPickleFile(path)).toThrowError(/PyTorch did not write/)
  writeFileSync(path, readFileSync(fixture('legacy-protocol-2.pt')).subarray(0, 3000))
  expect(() => readPickleFile(path)).toThrowError(/does not end/)
})
