import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { NetworkGraph } from '../../../../src-main/engine/architecture/network-graph'
import { describeCheckpoint } from '../../../../src-main/engine/checkpoint/describe'
import { openCheckpoint } from '../../../../src-main/engine/checkpoint/open'
import { TensorReader } from '../../../../src-main/engine/checkpoint/containers/tensor-reader'
import { readFloats } from '../../../../src-main/engine/checkpoint/containers/stored-values'
import { Network } from '../../../../src-main/engine/runtime/network'
import { merge, projectOf, readModel, temporaryFolder, tensor, writeModel, type TestTensor } from '../merge/models'

/** Codes of two rows of three, and what they mean without a scale. */
const CODES = Uint8Array.of(0x38, 0xb9, 0x3a, 0x7e, 0x01, 0x81)
const MEANINGS = [1, -1.125, 1.25, 448, 2 ** -9, -(2 ** -9)]
const PER_ROW = [0.3, 0.007]

const codes = (type: 'F8_E4M3' | 'F8_E5M2' = 'F8_E4M3'): TestTensor => ({ type, shape: [2, 3], bytes: CODES })
const text = (value: unknown): TestTensor => {
  const bytes = new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value))
  return { type: 'U8', shape: [bytes.length], bytes }
}
const SETTINGS = { format: 'float8_e4m3fn', full_precision_matrix_mult: true }
const PREFIX = 'transformer_blocks.0'

interface Form {
  tensors: Record<string, TestTensor>
  metadata?: Record<string, string>
}

/** A layer in every form that ComfyUI has for it. */
function forms(scale: TestTensor): [string, Form][] {
  const marker: TestTensor = { type: 'F8_E4M3', shape: [2], bytes: new Uint8Array(2) }
  const layer = { [`${PREFIX}.weight`]: codes() }
  const layers = { [PREFIX]: SETTINGS }
  return [
    ['scale_weight', { tensors: { scaled_fp8: marker, ...layer, [`${PREFIX}.scale_weight`]: scale } }],
    [
      'comfy_quant',
      { tensors: { ...layer, [`${PREFIX}.weight_scale`]: scale, [`${PREFIX}.comfy_quant`]: text(SETTINGS) } },
    ],
    [
      '_quantization_metadata',
      {
        tensors: { ...layer, [`${PREFIX}.weight_scale`]: scale },
        metadata: { _quantization_metadata: JSON.stringify({ format_version: '1.0', layers }) },
      },
    ],
  ]
}

const write = ({ tensors, metadata }: Form, name = 'scaled'): string =>
  writeModel(join(temporaryFolder(), `${name}.safetensors`), tensors, metadata)

/** What 32-bit arithmetic makes of codes and scales. */
const product = (scales: readonly number[]): number[] =>
  MEANINGS.map((value, index) =>
    Math.fround(value * Math.fround(scales[scales.length === 1 ? 0 : Math.floor(index / 3)]!)),
  )

describe('fp8 with scales is read as code × scale', () => {
  const scales = [
    ['one number', tensor([], [0.3]), [0.3]],
    ['one number in a vector', tensor([1], [0.3]), [0.3]],
    ['a float16', tensor([], [0.25], 'F16'), [0.25]],
    ['a bfloat16', tensor([1, 1], [0.25], 'BF16'), [0.25]],
    ['one for each row', tensor([2, 1], PER_ROW), PER_ROW],
    ['one for each row, as a vector', tensor([2], PER_ROW), PER_ROW],
  ] as const
  const cases = scales.flatMap(([what, scale, expected]) =>
    forms(scale).map(([form, file]) => [form, what, file, expected] as const),
  )

  it.each(cases)('%s, %s', async (_form, _what, file, expected) => {
    const { components, extras } = await openCheckpoint(write(file))
    const view = components.get('model')!.tensors.get(`${PREFIX}.weight`)!
    expect([...readFloats(view.stored)]).toEqual(product(expected))
    expect([...components.get('model')!.tensors.keys()]).toEqual([`${PREFIX}.weight`])
    expect(extras).toEqual([])
  })

  it('over more than one block, from any element on', async () => {
    const [rows, columns] = [300, 700]
    const factors = Float32Array.from({ length: rows }, (_, row) => 1 + row / 7)
    const path = write({
      tensors: {
        'a.weight': { type: 'F8_E5M2', shape: [rows, columns], bytes: new Uint8Array(rows * columns).fill(0x3e) },
        'a.weight_scale': tensor([rows, 1], factors),
      },
    })
    const checkpoint = await openCheckpoint(path)
    const { stored } = checkpoint.components.get('model')!.tensors.get('a.weight')!
    const expected = Float32Array.from({ length: rows * columns }, (_, at) => 1.5 * factors[Math.floor(at / columns)]!)
    expect(readFloats(stored)).toEqual(expected)
    const reader = new TensorReader(checkpoint.files)
    const part = new Float32Array(70_000)
    reader.read(stored, 1001, new Uint8Array(part.buffer))
    reader.close()
    expect(part).toEqual(expected.slice(1001, 71_001))
  })

  it('by a network, as by a merge', async () => {
    const names = ['a', 'b'] as const
    const path = write({
      tensors: {
        'a.weight': codes(),
        'a.scale_weight': tensor([], [0.3]),
        'b.weight': codes(),
        'b.weight_scale': tensor([2, 1], PER_ROW),
      },
    })
    const { components } = await openCheckpoint(path)
    const { tensors } = components.get('model')!
    const graph = new NetworkGraph('Test', tensors, { computeType: 'F32', weights: 'initializers', attention: 'fused' })
    const zero = graph.input('x', [2, 3])
    for (const name of names)
      graph.output(name, graph.node('Add', [graph.weight(`${name}.weight`, [2, 3]), zero]), [2, 3])
    graph.output('second', graph.node('Add', [graph.half('b.weight', [2, 3], 1), graph.constant(0)]), [1, 3])
    const network = await Network.open(graph.finish(), { provider: 'cpu' })
    try {
      const found = await network.run({ x: { data: new Float32Array(6), dims: [2, 3] } })
      expect([...found['a']!.data]).toEqual(product([0.3]))
      expect([...found['b']!.data]).toEqual(product(PER_ROW))
      expect([...found['second']!.data]).toEqual(product(PER_ROW).slice(3))
    } finally {
      await network.release()
    }
  })
})

describe('fp8 with scales in a merge', () => {
  const plain = { [`${PREFIX}.weight`]: tensor([2, 3], [1, 2, 3, 4, 5, 6]) }

  it.each(forms(tensor([2, 1], PER_ROW)))('as base and as specialist: %s', async (_form, file) => {
    const other = write({ tensors: plain }, 'plain')
    const scaled = write({ ...file, tensors: { ...file.tensors, [`${PREFIX}.input_scale`]: tensor([], [2]) } })
    const expected = product(PER_ROW).map((value, index) => Math.fround((value + index + 1) / 2))
    for (const models of [
      [scaled, { path: other, weight: 0.5 }],
      [other, { path: scaled, weight: 0.5 }],
    ]) {
      const out = join(temporaryFolder(), 'out.safetensors')
      await merge(projectOf(models, { name: 'weighted-sum' }, { dtype: 'fp32' }), out)
      const written = await readModel(out)
      expect([...written.keys()]).toEqual([`${PREFIX}.weight`])
      const values = [...written.get(`${PREFIX}.weight`)!.values]
      values.forEach((value, index) => expect(value).toBeCloseTo(expected[index]!, 5))
    }
  })

  it('is copied as float16 where its type shall stay, and that is said', async () => {
    const [, { tensors }] = forms(tensor([], [0.25]))[0]!
    const base = write({ tensors })
    const out = join(temporaryFolder(), 'out.safetensors')
    const { recipe } = await merge(
      projectOf([base, { path: write({ tensors: plain }), weight: 0 }], { name: 'weighted-sum' }),
      out,
    )
    expect(recipe.dtype).toBe('same')
    const written = (await readModel(out)).get(`${PREFIX}.weight`)!
    expect(written.type).toBe('F16')
    expect([...written.values]).toEqual(product([0.25]))
  })

  it('is called by its name, and scales of activations are left aside', async () => {
    const [, { tensors }] = forms(tensor([], [0.25]))[0]!
    const checkpoint = await openCheckpoint(
      write({ tensors: { ...tensors, [`${PREFIX}.scale_input`]: tensor([], [2]) } }),
    )
    const { elementTypes, leftAside } = await describeCheckpoint(checkpoint)
    expect(elementTypes).toEqual({ 'F8_E4M3 with scales': 1, F32: 1 })
    expect(leftAside).toEqual(['scales of activations, which the weights do not need (transformer_blocks.*; 1 tensor)'])
  })

  it('stops at a scale that is no number', async () => {
    const [, file] = forms(tensor([], [NaN]))[0]!
    const out = join(temporaryFolder(), 'out.safetensors')
    const merging = merge(projectOf([write(file), { path: write({ tensors: plain }) }], { name: 'soup' }), out)
    await expect(merging).rejects.toMatchObject({
      kind: 'not-finite',
      message: expect.stringContaining('scale_weight') as string,
    })
    expect(existsSync(out)).toBe(false)
  })
})

describe('what is stored in other codes is refused by its name, as base and as specialist', () => {
  const layer = (weight: TestTensor, settings: unknown, scale = tensor([], [0.5])): Record<string, TestTensor> => ({
    [`${PREFIX}.weight`]: weight,
    [`${PREFIX}.weight_scale`]: scale,
    ...(settings !== undefined && { [`${PREFIX}.comfy_quant`]: text(settings) }),
  })
  const bytes = (type: 'I8' | 'U8', shape = [2, 3]): TestTensor => ({ type, shape, bytes: new Uint8Array(6) })
  const metadata = (value: unknown) => ({ _quantization_metadata: JSON.stringify(value) })
  const cases: [string, Record<string, TestTensor>, RegExp, Record<string, string>?][] = [
    ['int8', layer(bytes('I8'), { format: 'int8_tensorwise' }), /int8_tensorwise by ComfyUI/],
    ['int8 without words', layer(bytes('I8'), undefined), /quantised model/],
    ['nvfp4', { ...layer(bytes('U8'), { format: 'nvfp4' }), [`${PREFIX}.weight_scale_2`]: tensor([], [1]) }, /nvfp4/],
    [
      'mxfp8',
      layer(codes(), { format: 'mxfp8' }, { type: 'U8', shape: [2, 1], bytes: new Uint8Array(2) }),
      /mxfp8|blocks/,
    ],
    ['a format to come', layer(codes(), { format: 'fp5' }), /fp5 by ComfyUI/],
    ['rotated fp8', layer(codes(), { ...SETTINGS, convrot: true }), /float8_e4m3fn with convrot/],
    ['scales of blocks', layer(codes(), SETTINGS, tensor([2, 3], [1, 2, 3, 4, 5, 6])), /scales of blocks/],
    [
      'scales of blocks, inverse',
      { [`${PREFIX}.weight`]: codes(), [`${PREFIX}.weight_scale_inv`]: tensor([1, 1], [1]) },
      /scales of blocks/,
    ],
    ['a scale of another name', { [`${PREFIX}.weight`]: codes(), [`${PREFIX}.scale`]: tensor([], [1]) }, /scaled fp8/],
    [
      'fp8 without its scale',
      { [`${PREFIX}.weight`]: codes(), [`${PREFIX}.comfy_quant`]: text(SETTINGS) },
      /not by which scale/,
    ],
    [
      'settings that are no JSON',
      layer(codes(), '{"format'),
      /quantised model by ComfyUI.*comfy_quant|quantised model by ComfyUI.*transformer/,
    ],
    [
      'settings that are no object',
      layer(codes(), [1]),
      /quantised model by ComfyUI.*comfy_quant|quantised model by ComfyUI.*transformer/,
    ],
    ['metadata that are no JSON', layer(codes(), undefined), /_quantization_metadata/, { _quantization_metadata: '{' }],
    [
      'metadata of other layers',
      layer(codes(), undefined),
      /_quantization_metadata/,
      metadata({ layers: { x: SETTINGS } }),
    ],
    [
      'metadata of int8',
      layer(bytes('I8'), undefined),
      /int8 by ComfyUI/,
      metadata({ layers: { [PREFIX]: { format: 'int8' } } }),
    ],
  ]

  it.each(cases)('%s', async (_what, tensors, message, said) => {
    const folder = temporaryFolder()
    const bad = writeModel(join(folder, 'bad.safetensors'), tensors, said)
    const good = writeModel(join(folder, 'good.safetensors'), {
      [`${PREFIX}.weight`]: tensor([2, 3], [1, 2, 3, 4, 5, 6]),
    })
    const out = join(folder, 'out.safetensors')
    for (const models of [
      [bad, { path: good, weight: 0 }],
      [good, { path: bad, weight: 1 }],
    ]) {
      const merging = merge(projectOf(models, { name: 'weighted-sum' }), out)
      await expect(merging).rejects.toMatchObject({ message: expect.stringMatching(message) as string })
      expect(existsSync(out)).toBe(false)
    }
  })

  it('where the layer is only copied, too', async () => {
    const folder = temporaryFolder()
    const unet = { 'unet.conv_in.weight': tensor([1, 1, 1, 1], [1]) }
    const bad = writeModel(join(folder, 'bad.safetensors'), {
      ...unet,
      ...Object.fromEntries(
        Object.entries(layer(bytes('I8'), undefined)).map(([name, value]) => [`text_encoder.${name}`, value]),
      ),
    })
    await expect(openCheckpoint(bad)).rejects.toMatchObject({ kind: 'unsupported' })
  })
})
