import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openCheckpoint } from '../../../../../src-main/engine/checkpoint/open'
import { readFloats } from '../../../../../src-main/engine/checkpoint/containers/stored-values'
import { float8Values } from '../../../../../src-main/engine/tensor/convert'
import { planMerge } from '../../../../../src-main/engine/merge/open-model'
import { verifyExport } from '../../../../../src-main/engine/merge/plan/export/verify-export'
import { GOLDEN } from '../../checkpoint/files'
import { merge, projectOf, readModel, temporaryFolder, tensor, writeModel, type ReadTensor } from '../models'

const UNET = 'model.diffusion_model.'
const BASE = join(GOLDEN, 'layouts/sd1-ldm.safetensors')
/** Values of a tensor that are compared with plain arithmetic. */
const COMPARED = 300
const METHODS = ['weighted-sum', 'featurefusion', 'ties'] as const

/** A specialist: the base with all weights of the UNet changed. */
async function specialist(folder: string): Promise<string> {
  const own = [...(await readModel(BASE))].map(([name, weight]) => {
    const isOfUnet = name.startsWith(UNET)
    return [
      name,
      isOfUnet
        ? tensor(
            weight.shape,
            weight.values.map((value, at) => value + ((at % 7) - 3) / 50),
          )
        : weight,
    ] as const
  })
  return writeModel(join(folder, 'specialist.safetensors'), Object.fromEntries(own))
}

/** The same merge in an output type, and in float32. */
async function mergedAs(dtype: string, method: string) {
  const folder = temporaryFolder()
  const models = [BASE, { path: await specialist(folder), weight: 0.5 }]
  const [out, exact] = [join(folder, 'out.safetensors'), join(folder, 'exact.safetensors')]
  const settings = { name: method, ...(method === 'featurefusion' && { reuse: true }) }
  const options = { cacheFolder: join(folder, 'cache') }
  await merge(projectOf(models, settings, { dtype }), out, options)
  await merge(projectOf(models, settings, { dtype: 'fp32' }), exact, options)
  return { out, written: await readModel(out), exact: await readModel(exact) }
}

const isEmbedding = (name: string): boolean => /time_embed|label_emb/.test(name)
const isMatrix = (name: string, shape: readonly number[]): boolean =>
  name.startsWith(UNET) && name.endsWith('.weight') && shape.length >= 2 && !isEmbedding(name)

/** The code of the fp8 nearest to a value, in plain arithmetic. */
function nearestCode(value: number): number {
  const meanings = [...float8Values('F8_E4M3').slice(0, 0x7f)]
  const distances = meanings.map((meaning) => Math.abs(meaning - Math.abs(value)))
  const least = Math.min(...distances)
  const nearest = distances.flatMap((distance, code) => (distance === least ? [code] : []))
  const code = nearest.find((one) => one % 2 === 0) ?? nearest[0]!
  return value < 0 || Object.is(value, -0) ? code | 0x80 : code
}

function expectHalf(name: string, { type, values }: ReadTensor, exact: Float64Array): void {
  expect([name, type]).toEqual([name, 'F16'])
  const largest = exact.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  const error = values.reduce((most, value, at) => Math.max(most, Math.abs(value - exact[at]!)), 0)
  expect(error).toBeLessThanOrEqual(largest / 2 ** 11)
}

describe.each(METHODS)('fp8, merged by %s', (method) => {
  it('is written for the matrices of the UNet, each value rounded to the nearest code', async () => {
    const { written, exact, out } = await mergedAs('fp8', method)
    let matrices = 0
    for (const [name, weight] of exact) {
      const own = written.get(name)!
      if (!isMatrix(name, weight.shape)) {
        if (weight.type === 'F32' && name.includes('.')) expectHalf(name, own, weight.values)
        continue
      }
      matrices++
      expect([name, own.type]).toEqual([name, 'F8_E4M3'])
      if (matrices % 40 === 0)
        expect([...own.bytes.slice(0, COMPARED)]).toEqual([...weight.values.slice(0, COMPARED)].map(nearestCode))
    }
    expect(matrices).toBeGreaterThan(200)
    const { files } = await verifyExport(out, [], new AbortController().signal)
    expect(files).toMatchObject([{ data: true, names: true, metadata: true }])
  })

  it('is written with the scales of linear layers, and read back as code × scale', async () => {
    const { written, exact, out } = await mergedAs('fp8-scaled', method)
    const checkpoint = await openCheckpoint(out)
    const views = [...checkpoint.components.get('unet')!.tensors.values()]
    const scaled = views.filter(({ stored }) => stored.scaled)
    expect(scaled.map(({ stored }) => stored.name).sort()).toEqual(
      [...exact].flatMap(([name, { shape }]) => (isMatrix(name, shape) && shape.length === 2 ? [name] : [])).sort(),
    )
    expect(written.get(`${UNET}scaled_fp8`)).toMatchObject({ type: 'F8_E4M3', shape: [2] })
    for (const [index, { stored }] of scaled.entries()) {
      const weight = exact.get(stored.name)!
      const largest = Math.max(...weight.values.map(Math.abs))
      const scale = written.get(stored.name.replace(/weight$/, 'scale_weight'))!.values[0]!
      expect(scale).toBe(Math.fround(largest / 448))
      if (index % 40 > 0) continue
      const codes = [...weight.values.slice(0, COMPARED)].map((value) => nearestCode(Math.fround(value / scale)))
      expect([...written.get(stored.name)!.bytes.slice(0, COMPARED)]).toEqual(codes)
      const meanings = float8Values('F8_E4M3')
      expect([...readFloats(stored).slice(0, COMPARED)]).toEqual(
        codes.map((code) => Math.fround(meanings[code]! * scale)),
      )
    }
    const { files } = await verifyExport(out, [], new AbortController().signal)
    expect(files).toMatchObject([{ data: true, names: true, metadata: true }])
  })
})

describe('fp8', () => {
  it('has the largest number in place of what is too large, and that is said', async () => {
    const folder = temporaryFolder()
    const write = (name: string): string =>
      writeModel(join(folder, name), {
        'a.weight': tensor([2, 2], [1000, -449, 464, 1]),
        'a.bias': tensor([2], [1000, 1]),
      })
    const models = [write('base.safetensors'), write('other.safetensors')]
    const out = join(folder, 'out.safetensors')
    const plain = await merge(projectOf(models, { name: 'soup' }, { dtype: 'fp8' }), out)
    expect(plain.overflowed).toEqual(['a.weight'])
    expect([...(await readModel(out)).get('a.weight')!.bytes]).toEqual([0x7e, 0xfe, 0x7e, 0x38])
    const scaled = await merge(projectOf(models, { name: 'soup' }, { dtype: 'fp8-scaled' }), out, { overwrite: true })
    expect(scaled.overflowed).toEqual([])
    const [first] = [...(await openCheckpoint(out)).components.values()][0]!.tensors.values()
    expect(Math.max(...readFloats(first!.stored))).toBeCloseTo(1000, 3)
  })

  it('with scales under names that no program reads is said to be so', async () => {
    const folder = temporaryFolder()
    const models = [join(GOLDEN, 'sd1/pipeline'), await specialist(folder)]
    const { warnings } = await planMerge(projectOf(models, { name: 'soup' }, { dtype: 'fp8-scaled' }))
    expect(warnings.join()).toContain('--layout single-file')
    const single = await planMerge(projectOf(models, { name: 'soup' }, { dtype: 'fp8-scaled', layout: 'single-file' }))
    expect(single.warnings.join()).not.toContain('--layout single-file')
  })
})
