import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { describeAdapter } from '../../../../src-main/engine/adapters/describe-adapter'
import { openSpecialist } from '../../../../src-main/engine/merge/open-model'
import type { Checkpoint } from '../../../../src-main/engine/checkpoint/model/checkpoint'
import { openContainer } from '../../../../src-main/engine/checkpoint/containers/open-container'
import { openCheckpoint } from '../../../../src-main/engine/checkpoint/open'
import { extractLora, type ExtractOptions, type Extraction } from '../../../../src-main/engine/extract/extract-lora'
import { LORA_FORMATS } from '../../../../src-main/contract/adapter-files'
import { adapterAt, ADAPTERS, BASE, changedBase, readView } from '../adapters/adapter-models'
import { merge, projectOf, temporaryFolder, tensor, writeModel } from '../merge/models'

const XL_BASE = 'tests/golden/sdxl/pipeline'
const XL_LORA = join(ADAPTERS, 'sdxl-kohya-diffusers.safetensors')
const SD_LORA = join(ADAPTERS, 'sd1-kohya-alphas.safetensors')

async function extract(
  base: Checkpoint,
  specialist: Checkpoint,
  options: Partial<ExtractOptions> = {},
): Promise<Extraction & { path: string }> {
  const path = join(temporaryFolder(), 'extracted.safetensors')
  const given: ExtractOptions = { path, format: 'kohya', type: 'F32', kept: { rank: 16 }, ...options }
  return { path: given.path, ...(await extractLora(base, specialist, given)) }
}

/** √(Σ |found − wanted|² / Σ |wanted − base|²) over the layers of an extraction. */
function errorOf(base: Checkpoint, wanted: Checkpoint, found: Checkpoint, layers: Extraction['layers']): number {
  let [lost, total] = [0, 0]
  for (const { component, module } of layers) {
    const [start, aim, got] = [base, wanted, found].map(({ components }) =>
      readView(components.get(component)!.tensors.get(`${module}.weight`)!),
    ) as [Float64Array, Float64Array, Float64Array]
    aim.forEach((value, at) => {
      lost += (value - got[at]!) ** 2
      total += (value - start[at]!) ** 2
    })
  }
  return Math.sqrt(lost / total)
}

describe('extractLora', () => {
  it.each(LORA_FORMATS.flatMap((format) => [[format, BASE, SD_LORA] as const, [format, XL_BASE, XL_LORA] as const]))(
    'as %s gives the change of a LoRA on %s back where the rank is high enough',
    async (format, basePath, lora) => {
      const base = await openCheckpoint(basePath)
      const wanted = await changedBase(lora, 1, basePath)
      const found = await extract(base, wanted, { format })
      expect(found.layers.length).toBe((await adapterAt(lora)).modules.length)
      expect(found.relativeError).toBeLessThan(1e-5)
      expect(found.unchanged.length).toBeGreaterThan(10)
      const again = await openSpecialist(found.path, () => Promise.resolve(base))
      expect(errorOf(base, wanted, again, found.layers)).toBeLessThan(1e-5)
      expect(again.problems).toEqual([])
    },
  )

  it.each(LORA_FORMATS)(
    'as %s: merged into its base it gives the specialist within the stated error',
    async (format) => {
      const base = await openCheckpoint(BASE)
      const wanted = await changedBase(join(ADAPTERS, 'sd1-lokr.safetensors'), 1)
      const kept = { rank: 2 }
      const found = await extract(base, wanted, { format, kept, convolutionsKept: { rank: 1 }, type: 'F16' })
      expect(found.relativeError).toBeGreaterThan(0.01)
      const out = join(temporaryFolder(), 'merged')
      const all = { include: ['unet', 'text_encoder'] }
      await merge(projectOf([BASE, found.path], { name: 'task-arithmetic', scale: 1 }, all), out)
      const merged = await openCheckpoint(out)
      expect(errorOf(base, wanted, merged, found.layers)).toBeCloseTo(found.relativeError, 4)
      for (const layer of found.layers)
        expect(errorOf(base, wanted, merged, [layer]), layer.module).toBeCloseTo(layer.relativeError, 4)
      const ranks = new Set(found.layers.map(({ rank }) => rank))
      expect([...ranks].sort()).toEqual([1, 2])
    },
  )

  it('keeps the energy that is asked for, with the rank that it takes', async () => {
    const base = await openCheckpoint(BASE)
    const found = await extract(base, await changedBase(join(ADAPTERS, 'sd1-lokr.safetensors'), 1), {
      kept: { energy: 0.9 },
    })
    for (const { relativeError } of found.layers) expect(relativeError ** 2).toBeLessThanOrEqual(0.1 + 1e-6)
    expect(new Set(found.layers.map(({ rank }) => rank)).size).toBeGreaterThan(1)
  })

  it('says what a LoRA cannot hold', async () => {
    const base = await openCheckpoint(BASE)
    const found = await extract(base, await changedBase(join(ADAPTERS, 'sd1-full-norm.safetensors'), 1))
    expect(found.leftOut.length).toBeGreaterThan(0)
    expect(found.leftOut.every((name) => !found.layers.some(({ module }) => name.includes(`${module}.weight`)))).toBe(
      true,
    )
    expect(found.leftOutPart).toBeGreaterThan(0)
  })

  it('writes changes of norms and biases whole, where they are asked for, and reads them again', async () => {
    const base = await openCheckpoint(BASE)
    const wanted = await changedBase(join(ADAPTERS, 'sd1-full-norm.safetensors'), 1)
    const without = await extract(base, wanted)
    const found = await extract(base, wanted, { norms: true })
    expect(found.whole.length).toBeGreaterThan(3)
    expect([...found.whole, ...found.leftOut].sort()).toEqual([...without.leftOut].sort())
    const again = await openSpecialist(found.path, () => Promise.resolve(base))
    for (const name of found.whole) {
      const [component, ...rest] = name.split('.') as ['unet', ...string[]]
      const [aim, got] = [wanted, again].map(({ components }) =>
        readView(components.get(component)!.tensors.get(rest.join('.'))!),
      )
      expect(got, name).toEqual(aim)
    }
    const keys = [...(await openContainer(found.path)).tensors].map(({ name }) => name)
    expect(keys.some((key) => key.endsWith('.w_norm'))).toBe(true)
    expect(keys.some((key) => key.endsWith('.diff_b'))).toBe(true)
    expect((await extract(base, wanted, { norms: true, format: 'peft' })).whole).toEqual([])
  })

  it('writes what Models shows: rank, alpha and the base', async () => {
    const base = { ...(await openCheckpoint(BASE)), architecture: 'sd1' as const }
    const found = await extract(base, await changedBase(SD_LORA, 1), { kept: { rank: 2 } })
    const { adapter } = await describeAdapter(await adapterAt(found.path))
    expect(adapter).toMatchObject({ modules: found.layers.length, alphas: [2], ranks: [2], base: 'sd_v1' })
  })

  it('notes the hashes of the files that it was made of', async () => {
    const base = await openCheckpoint(BASE)
    const { path } = await extract(base, await changedBase(SD_LORA, 1), { kept: { rank: 2 } })
    const note = JSON.parse((await openContainer(path)).metadata['featurefusion_extraction']!) as {
      baseFiles: { file: string; sha256: string }[]
      specialistFiles: { file: string; sha256: string }[]
    }
    const sha256 = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex')
    expect(note.baseFiles).toEqual(base.files.map(({ path: file }) => ({ file: basename(file), sha256: sha256(file) })))
    expect(note.specialistFiles).toContainEqual({ file: basename(SD_LORA), sha256: sha256(SD_LORA) })
  })

  it('refuses models that do not differ, in words, and leaves no file', async () => {
    const base = await openCheckpoint(BASE)
    const path = join(temporaryFolder(), 'none.safetensors')
    await expect(extract(base, base, { path })).rejects.toMatchObject({
      kind: 'incompatible',
      message: expect.stringContaining('nothing to extract') as string,
    })
    expect(existsSync(path)).toBe(false)
  })

  it('refuses models that do not fit, and those without a UNet or text encoder', async () => {
    const base = await openCheckpoint(BASE)
    await expect(extract(base, await openCheckpoint(XL_BASE))).rejects.toMatchObject({ kind: 'incompatible' })
    const other = await openCheckpoint(
      writeModel(join(temporaryFolder(), 'a.safetensors'), { 'x.weight': tensor([2, 2], [1, 2, 3, 4]) }),
    )
    await expect(extract(other, other)).rejects.toMatchObject({ kind: 'incompatible' })
  })

  it('replaces neither what it reads nor, unasked, another file', async () => {
    const base = await openCheckpoint(BASE)
    const wanted = await changedBase(SD_LORA, 1)
    await expect(extract(base, wanted, { path: SD_LORA, overwrite: true })).rejects.toMatchObject({ kind: 'target' })
    const model = writeModel(join(temporaryFolder(), 'model.safetensors'), { 'x.weight': tensor([1], [1]) })
    await expect(extract(base, wanted, { path: model, overwrite: true })).rejects.toMatchObject({ kind: 'target' })
    const { path } = await extract(base, wanted)
    await expect(extract(base, wanted, { path })).rejects.toMatchObject({ kind: 'target' })
    const before = readFileSync(path)
    await extract(base, wanted, { path, overwrite: true })
    expect(readFileSync(path).equals(before)).toBe(true)
  })
})
