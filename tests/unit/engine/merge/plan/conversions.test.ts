import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { outputSchema, type OutputSettings } from '../../../../../src-main/contract/document/project'
import { openContainer } from '../../../../../src-main/engine/checkpoint/containers/open-container'
import { TensorReader } from '../../../../../src-main/engine/checkpoint/containers/tensor-reader'
import { openCheckpoint } from '../../../../../src-main/engine/checkpoint/open'
import { viewInputs } from '../../../../../src-main/engine/merge/jobs/view-inputs'
import { planConversion } from '../../../../../src-main/engine/merge/open-model'
import { runMerge } from '../../../../../src-main/engine/merge/run'
import { BYTES_PER_ELEMENT, elementCount } from '../../../../../src-main/engine/tensor/element-type'
import { CLIP_VOCABULARY, temporaryFolder } from '../models'

/** Every form in which the golden families lie. */
const SOURCES = [
  'sd1/pipeline',
  'layouts/sd1-fp16',
  'layouts/sd1-bf16',
  'layouts/sd1-sharded',
  'layouts/sd1-ldm.safetensors',
  'layouts/sd1-ldm-fp16.ckpt',
  'sd2/pipeline',
  'sdxl/pipeline',
  'layouts/sdxl-ldm-fp16.safetensors',
] as const

/** Every layout that is written. */
const LAYOUTS = [
  ['single file', { layout: 'single-file' }],
  ['folder', { layout: 'diffusers' }],
  ['sharded folder', { layout: 'diffusers', shardBytes: 150_000 }],
] as const

async function convert(path: string, out: string, output: Partial<OutputSettings>): Promise<string> {
  const plan = await planConversion(path, outputSchema.parse(output))
  return (await runMerge(plan, { path: out, clipVocabulary: CLIP_VOCABULARY })).path
}

/** Element type, shape and bytes of every canonical tensor, whatever the layout; counted positions apart. */
async function canonical(path: string): Promise<Map<string, string>> {
  const { components } = await openCheckpoint(path)
  const reader = new TensorReader()
  try {
    const tensors = [...components.values()].flatMap(({ name, tensors: all }) =>
      [...all.values()].map((view) => [`${name}/${view.name}`, view] as const),
    )
    return new Map(
      tensors
        .filter(([name]) => !name.endsWith('position_ids'))
        .map(([name, view]) => {
          const { elementType } = view.stored
          const bytes = Buffer.alloc(elementCount(view.shape) * BYTES_PER_ELEMENT[elementType])
          viewInputs([view], reader).read(0, 0, bytes)
          return [name, `${elementType} ${view.shape.join('×')} ${bytes.toString('base64')}`]
        }),
    )
  } finally {
    reader.close()
  }
}

/** Names of the tensors in which two models differ. */
async function differing(one: string, other: string): Promise<string[]> {
  const [a, b] = [await canonical(one), await canonical(other)]
  return [...new Set([...a.keys(), ...b.keys()])].filter((name) => a.get(name) !== b.get(name))
}

async function namesIn(path: string): Promise<string[]> {
  return (await openContainer(path)).tensors.map(({ name }) => name).sort()
}

describe.each(SOURCES)('%s', (source) => {
  const from = resolve('tests/golden', source)

  it.each(LAYOUTS)('becomes a %s and comes back equal, bit by bit', async (_, to) => {
    const place = temporaryFolder()
    const there = await convert(from, join(place, to.layout === 'diffusers' ? 'there' : 'there.safetensors'), to)
    expect(await differing(from, there)).toEqual([])
    const isFile = /\.(safetensors|ckpt)$/.test(source)
    const layout = isFile ? 'single-file' : 'diffusers'
    const back = await convert(there, join(place, isFile ? 'back.safetensors' : 'back'), { layout })
    expect(await differing(from, back)).toEqual([])
    const [a, b] = [await openCheckpoint(from), await openCheckpoint(back)]
    expect([b.architecture, b.predictionType]).toEqual([a.architecture, a.predictionType])
    if (to.layout === 'single-file' && isFile) expect(await namesIn(back)).toEqual(await namesIn(there))
  })
})

it('a file of a few tensors of no known kind becomes a single file, and no folder', async () => {
  const place = temporaryFolder()
  const from = resolve('tests/golden/layouts/sd1-ldm-no-state-dict.ckpt')
  const file = await convert(from, join(place, 'file.safetensors'), { layout: 'single-file' })
  expect(await differing(from, file)).toEqual([])
  await expect(convert(from, join(place, 'folder'), { layout: 'diffusers' })).rejects.toMatchObject({
    kind: 'unsupported',
    message: expect.stringContaining('its kind is not known'),
  })
})

it.each([
  ['layouts/sd1-fp16', 'fp16'],
  ['layouts/sd1-bf16', 'bf16'],
] as const)('%s becomes float32 and comes back equal', async (source, dtype) => {
  const place = temporaryFolder()
  const from = resolve('tests/golden', source)
  const wide = await convert(from, join(place, 'wide.safetensors'), { layout: 'single-file', dtype: 'fp32' })
  const back = await convert(wide, join(place, 'back'), { layout: 'diffusers', dtype })
  expect(await differing(from, back)).toEqual([])
})

it.each(['fp8', 'fp8-scaled'] as const)('%s becomes float32 and comes back as the same values', async (dtype) => {
  const place = temporaryFolder()
  const small = await convert(resolve('tests/golden/layouts/sdxl-ldm-fp16.safetensors'), join(place, 'small'), {
    dtype,
  })
  const wide = await convert(small, join(place, 'wide'), { dtype: 'fp32' })
  const back = await convert(wide, join(place, 'back'), { dtype })
  expect(await differing(small, back)).toEqual([])
})
