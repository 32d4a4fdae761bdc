import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { fusionSettingsSchema } from '../../../../src-main/contract/adapter-fusion'
import { LORA_FORMATS } from '../../../../src-main/contract/adapter-files'
import type { Project } from '../../../../src-main/contract/document/project'
import { calibrationRecordSchema } from '../../../../src-main/contract/document/calibration'
import { describeAdapter } from '../../../../src-main/engine/adapters/describe-adapter'
import { openContainer } from '../../../../src-main/engine/checkpoint/containers/open-container'
import { extractLora } from '../../../../src-main/engine/extract/extract-lora'
import { fuseAdapters, fusedProject } from '../../../../src-main/engine/adapter-fusion/fuse-adapters'
import type { FuseOptions, Fusion } from '../../../../src-main/engine/adapter-fusion/fusion'
import { openModel, openSpecialist, planMerge } from '../../../../src-main/engine/merge/open-model'
import { denoiserFiles } from '../../../../src-main/engine/merge/plan/calibration/calibrated-models'
import { CalibrationWriter } from '../../../../src-main/engine/merge/plan/calibration/calibration-file'
import { adapterAt, ADAPTERS, BASE, readView } from '../adapters/adapter-models'
import { merge, projectOf, readModel, temporaryFolder, tensor, writeModel } from '../merge/models'

const XL_BASE = 'tests/golden/sdxl/pipeline'
const adapter = (name: string): string => join(ADAPTERS, `${name}.safetensors`)
const SD = [
  { path: adapter('sd1-kohya-alphas'), weight: 0.7 },
  { path: adapter('sd1-locon-tucker'), weight: -0.4, strengths: { unet: 0.5, textEncoder: 2 } },
  { path: 'tests/golden/lora/sd1-peft.safetensors', blocks: { IN01: 0.25, BASE: 2 } },
]
const XL = [
  { path: adapter('sdxl-kohya-ldm'), weight: 0.5 },
  { path: adapter('sdxl-peft'), weight: 1.5 },
]
const PARTS = { include: ['unet', 'text_encoder'] }
const XL_PARTS = { include: ['unet', 'text_encoder', 'text_encoder_2'] }
const SUM = { name: 'task-arithmetic', scale: 1 } as const

function sha256(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex')
}

async function fuse(project: Project, options: Partial<FuseOptions> = {}): Promise<Fusion & { path: string }> {
  const path = options.path ?? join(temporaryFolder(), 'fused.safetensors')
  const given: FuseOptions = {
    format: 'kohya',
    type: 'F32',
    kept: null,
    fusion: fusionSettingsSchema.parse({}),
    ...options,
    path,
  }
  return { path, ...(await fuseAdapters(await planMerge(fusedProject(project)), given)) }
}

async function mergedFolder(project: Project): Promise<string> {
  const path = join(temporaryFolder(), 'merged')
  await merge(project, path)
  return path
}

/** √(Σ |found − wanted|² / Σ |wanted − base|²) over tensors of all parts of a base with an adapter. */
async function errorOf(
  base: string,
  found: string,
  wanted: string,
  isOf: (name: string, shape: readonly number[]) => boolean = () => true,
): Promise<number> {
  const start = await openModel(base)
  const models = [start, await openModel(wanted), await openSpecialist(found, () => Promise.resolve(start))]
  let [lost, total] = [0, 0]
  for (const [component, { tensors }] of start.components)
    for (const [name, view] of tensors) {
      if (!isOf(`${component}.${name}`, view.shape)) continue
      const [own, aim, is] = models.map(({ components }) =>
        readView(components.get(component)!.tensors.get(name)!),
      ) as [Float64Array, Float64Array, Float64Array]
      aim.forEach((value, at) => {
        lost += (value - is[at]!) ** 2
        total += (value - own[at]!) ** 2
      })
    }
  return Math.sqrt(lost / total)
}

describe('fuseAdapters', () => {
  it.each(
    LORA_FORMATS.flatMap((format) => [[format, BASE, SD, PARTS] as const, [format, XL_BASE, XL, XL_PARTS] as const]),
  )('as %s writes one adapter on %s that does what all do together', async (format, base, adapters, parts) => {
    const project = projectOf([base, ...adapters], SUM, parts)
    const fused = await fuse(project, { format })
    expect(fused.relativeError).toBeLessThan(1e-6)
    expect(fused.leftOut).toEqual([])
    expect(await errorOf(base, fused.path, await mergedFolder(project))).toBeLessThan(1e-5)
  })

  it('adds ranks up, layer by layer', async () => {
    const fused = await fuse(projectOf([BASE, SD[0]!, SD[2]!], SUM, PARTS))
    const ranks = async (path: string): Promise<Map<string, number>> => {
      const { components } = await openSpecialist(path, () => openModel(BASE))
      return new Map(
        [...components].flatMap(([component, { tensors }]) =>
          [...tensors].flatMap(([name, { stored }]) =>
            stored.computed ? [[`${component}.${name}`, stored.computed.factors['down']!.shape[0]!] as const] : [],
          ),
        ),
      )
    }
    const [first, second, both] = [await ranks(SD[0]!.path), await ranks(SD[2]!.path), await ranks(fused.path)]
    expect([...both.keys()].sort()).toEqual([...new Set([...first.keys(), ...second.keys()])].sort())
    for (const [name, rank] of both) expect(rank, name).toBe((first.get(name) ?? 0) + (second.get(name) ?? 0))
  })

  it('cut to a rank, it loses no more than the best of that rank, and as much as it says', async () => {
    const project = projectOf([BASE, ...SD], SUM, PARTS)
    const merged = await mergedFolder(project)
    const kept = { rank: 3 }
    const best = await extractLora(await openModel(BASE), await openModel(merged), {
      ...{ path: join(temporaryFolder(), 'best.safetensors'), format: 'kohya', type: 'F32', kept },
    })
    const fused = await fuse(project, { kept })
    expect(fused.relativeError).toBeGreaterThan(0.05)
    expect(fused.relativeError).toBeCloseTo(best.relativeError, 5)
    expect(Math.max(...fused.layers.map(({ rank }) => rank))).toBe(3)
    expect(await errorOf(BASE, fused.path, merged)).toBeCloseTo(fused.relativeError, 4)
    for (const { component, module, relativeError } of fused.layers) {
      const error = await errorOf(BASE, fused.path, merged, (name) => name === `${component}.${module}.weight`)
      expect(error, module).toBeCloseTo(relativeError, 4)
    }
  })

  it('keeps the energy that is asked for, and another rank of convolutions', async () => {
    const project = projectOf([BASE, ...SD], SUM, PARTS)
    const fused = await fuse(project, { kept: { energy: 0.9 }, convolutionsKept: { rank: 1 } })
    const isConvolution = ({ module }: { module: string }): boolean => /conv/.test(module)
    expect(fused.layers.filter(isConvolution).map(({ rank }) => rank)).toContain(1)
    for (const layer of fused.layers.filter((own) => !isConvolution(own)))
      expect(layer.relativeError ** 2, layer.module).toBeLessThanOrEqual(0.1 + 1e-6)
    expect(new Set(fused.layers.map(({ rank }) => rank)).size).toBeGreaterThan(1)
  })

  it('computes DoRA and whole differences with the base, where a rank is given', async () => {
    const dora = { path: adapter('sd1-dora-out'), weight: 0.5 }
    const project = projectOf([BASE, SD[0]!, dora, adapter('sd1-full-norm')], SUM, PARTS)
    await expect(fuse(project)).rejects.toMatchObject({
      kind: 'incompatible',
      message: expect.stringMatching(/model-2 \(\d+ modules.*model-3/) as string,
    })
    const fused = await fuse(project, { kept: { rank: 4 } })
    expect(fused.whole.length).toBeGreaterThan(0)
    const merged = await mergedFolder(project)
    const isLayer = (_: string, shape: readonly number[]): boolean => shape.length > 1
    expect(await errorOf(BASE, fused.path, merged, isLayer)).toBeCloseTo(fused.relativeError, 4)
    expect(await errorOf(BASE, fused.path, merged, (...layer) => !isLayer(...layer))).toBeLessThan(1e-5)
    expect((await fuse(project, { kept: { rank: 64 } })).relativeError).toBeLessThan(1e-5)
  })

  it('has no form for biases and norms in PEFT’s naming, and says which are left out', async () => {
    const project = projectOf([BASE, adapter('sd1-full-norm'), SD[0]!], SUM, PARTS)
    const fused = await fuse(project, { format: 'peft', kept: { rank: 64 } })
    expect(fused.whole).toEqual([])
    expect(fused.leftOut.length).toBeGreaterThan(3)
  })

  it('is the soup where the project is one', async () => {
    const project = projectOf([{ path: BASE, weight: 2 }, SD[0]!.path, SD[2]!.path], { name: 'soup' }, PARTS)
    const fused = await fuse(project)
    expect(await errorOf(BASE, fused.path, await mergedFolder(project))).toBeLessThan(1e-5)
  })

  it('adds up with the weights of a project whose method is no sum', async () => {
    const sum = projectOf([BASE, SD[0]!, SD[2]!], SUM, PARTS)
    const models = [{ path: BASE, weight: 0.3 }, SD[0]!, SD[2]!]
    const fused = await fuse(projectOf(models, { name: 'featurefusion', threshold: 0.5 }, PARTS))
    expect(await errorOf(BASE, fused.path, await mergedFolder(sum))).toBeLessThan(1e-5)
  })

  it('keeps names, hashes, weights and trigger words', async () => {
    const folder = temporaryFolder()
    const copies = await Promise.all(
      [
        ['a', { cat: 3, __proto__x: 1, __proto__: 4 }],
        ['b', { cat: 2, dog: 9 }],
      ].map(async ([name, words]) => {
        const tensors = Object.fromEntries(await readModel(SD[0]!.path))
        const metadata = { ss_tag_frequency: `{"1_set":${JSON.stringify(words)},"__proto__":{"toString":1}}` }
        return writeModel(join(folder, `${String(name)}.safetensors`), tensors, metadata)
      }),
    )
    const { path } = await fuse(projectOf([BASE, { path: copies[0]!, weight: 0.5 }, copies[1]!], SUM, PARTS))
    const { metadata } = await openContainer(path)
    const { adapters } = JSON.parse(metadata['featurefusion_fusion']!) as { adapters: object[] }
    expect(adapters[0]).toMatchObject({
      ...{ name: 'model-1', weight: 0.5, strengths: { unet: 1, textEncoder: 1 } },
      files: [{ file: 'a.safetensors', sha256: sha256(copies[0]!) }],
    })
    const { adapter: said } = await describeAdapter(await adapterAt(path))
    expect(said!.triggerWords.slice(0, 2)).toEqual(['dog', 'cat'])
    expect({}).not.toHaveProperty('cat')
  })

  it('refuses whole models, parts that nothing changes, and adapters that cancel out', async () => {
    const path = join(temporaryFolder(), 'none.safetensors')
    const refused = (
      models: Parameters<typeof projectOf>[0],
      parts: Parameters<typeof projectOf>[2],
      message: string,
    ) =>
      expect(fuse(projectOf(models, SUM, parts), { path })).rejects.toMatchObject({
        kind: 'incompatible',
        message: expect.stringContaining(message) as string,
      })
    await refused([BASE, SD[0]!, join(BASE, 'unet')], { include: ['unet'] }, 'model-2: only adapters')
    await refused([BASE, adapter('sd1-glora')], { include: ['text_encoder'] }, 'nothing of text_encoder')
    await refused([BASE, { ...SD[0]!, weight: 0 }], PARTS, 'nothing of unet')
    expect(existsSync(path)).toBe(false)
  })

  it('replaces neither what it reads nor, unasked, another file, nor ever a model', async () => {
    const project = projectOf([BASE, ...SD], SUM, PARTS)
    await expect(fuse(project, { path: SD[0]!.path, overwrite: true })).rejects.toMatchObject({ kind: 'target' })
    const model = writeModel(join(temporaryFolder(), 'model.safetensors'), { 'x.weight': tensor([1], [1]) })
    await expect(fuse(project, { path: model, overwrite: true })).rejects.toMatchObject({ kind: 'target' })
    const { path } = await fuse(project)
    const before = readFileSync(path)
    await expect(fuse(project, { path })).rejects.toMatchObject({ kind: 'target' })
    await fuse(project, { path, overwrite: true })
    expect(readFileSync(path).equals(before)).toBe(true)
  })

  it('merges in Core Space, with norms and biases added up, and refuses what has no factors', async () => {
    const fusion = fusionSettingsSchema.parse({ method: 'core-space', inner: 'mean' })
    const project = projectOf([BASE, SD[0]!.path, SD[2]!.path], SUM, PARTS)
    const fused = await fuse(project, { fusion })
    expect(fused.relativeError).toBeLessThan(1e-6)
    const shared = fused.layers.filter(({ rank }) => rank > 4).map(({ component, module }) => `${component}.${module}`)
    const half = projectOf([BASE, SD[0]!.path, SD[2]!.path], { name: 'task-arithmetic', scale: 0.5 }, PARTS)
    const isShared = (name: string): boolean => shared.some((module) => name === `${module}.weight`)
    expect(await errorOf(BASE, fused.path, await mergedFolder(half), isShared)).toBeLessThan(1e-5)
    const dora = projectOf([BASE, SD[0]!, adapter('sd1-dora-out')], SUM, PARTS)
    await expect(fuse(dora, { fusion, kept: { rank: 2 } })).rejects.toMatchObject({
      message: expect.stringMatching(/model-2.*Core Space/) as string,
    })
  })

  it('refuses NP-LoRA of other than two adapters, and SSR without real inputs', async () => {
    const refused = (models: typeof SD, method: string, message: string) =>
      expect(
        fuse(projectOf([BASE, ...models], SUM, PARTS), { fusion: fusionSettingsSchema.parse({ method }) }),
      ).rejects.toMatchObject({ kind: 'validation', message: expect.stringContaining(message) as string })
    await refused(SD, 'np-lora', 'takes two adapters, a content and a style; here are 3')
    await refused(SD.slice(0, 2), 'ssr', 'no file with them is named')
  })

  it('takes real inputs from a calibration file, and says which layers have none', async () => {
    const folder = temporaryFolder()
    const models = [resolve(SD[0]!.path), resolve(SD[2]!.path)]
    const calibration = join(folder, 'calibration.safetensors')
    const project = projectOf([BASE, ...models], { ...SUM, calibration }, PARTS)
    const plan = await planMerge(project)
    const record = calibrationRecordSchema.parse({
      ...{ format: 'featurefusion-calibration', version: 1, samples: 3, seed: 0 },
      models: plan.models.map(({ entry, checkpoint }) => ({
        name: entry.name,
        sha256: denoiserFiles(checkpoint).map((path) => sha256(path)),
        source: { kind: 'data', domains: ['a'], pictures: 1, timesteps: [1] },
      })),
    })
    const sum = await fuse(project)
    const layer = sum.layers.find(({ component, rank }) => component === 'unet' && rank > 4)!
    const { shape } = plan.base.components.get('unet')!.tensors.get(`${layer.module}.weight`)!
    const inputs = shape.slice(1).reduce((product, size) => product * size, 1)
    const writer = await CalibrationWriter.create(calibration, [{ module: layer.module, inputs }], record, false)
    for (const [model, first] of [
      [1, 1],
      [2, 2],
    ] as const) {
      const { bytes } = tensor(
        [3, inputs],
        Float32Array.from({ length: 3 * inputs }, (_, at) => Math.sin(first * at)),
        'F16',
      )
      writer.add(model, { module: layer.module, inputs, count: 3, bytes })
    }
    await writer.finish()
    const fused = await fuse(project, { fusion: fusionSettingsSchema.parse({ method: 'ssr' }) })
    expect(fused.withoutInputs.length).toBe(fused.layers.length - 1)
    const summed = await mergedFolder(project)
    const isRouted = (name: string): boolean => name === `unet.${layer.module}.weight`
    expect(await errorOf(BASE, fused.path, summed, isRouted)).toBeGreaterThan(0.01)
    expect(await errorOf(BASE, fused.path, summed, (name) => !isRouted(name))).toBeLessThan(1e-5)
  })

  it('keeps small factors in float16 where alpha would make them smaller', async () => {
    const file = (name: string, alpha: number): string =>
      writeModel(join(temporaryFolder(), name), {
        'lora_unet_conv_in.lora_down.weight': tensor([1, 4, 3, 3], new Float32Array(36).fill(0.5)),
        'lora_unet_conv_in.lora_up.weight': tensor([16, 1, 1, 1], new Float32Array(16).fill(2 ** -10)),
        'lora_unet_conv_in.alpha': tensor([], [alpha]),
      })
    const fused = await fuse(projectOf([BASE, file('a', 2 ** -14)], SUM, PARTS), { type: 'F16' })
    expect(fused.relativeError).toBe(0)
  })
})
