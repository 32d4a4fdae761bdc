import { pathToFileURL } from 'node:url'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { build } from 'vite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { assemblyscript } from '../../../../build/assemblyscript-plugin'
import type { TensorView } from '../../../../src-main/engine/checkpoint/model/checkpoint'
import type { LayerFactors } from '../../../../src-main/engine/extract/layer-factors'
import { factorLayers, type FactorOptions } from '../../../../src-main/engine/extract/layer-processes'
import { openCheckpoint } from '../../../../src-main/engine/checkpoint/open'
import { TorchGenerator } from '../../../../src-main/engine/random'
import { temporaryFolder, tensor, writeModel } from '../merge/models'

const LAYERS = 6
const SIDE = 1900

let folder: string
beforeAll(async () => {
  mkdirSync('out', { recursive: true })
  folder = mkdtempSync(resolve('out', 'test-extract-'))
  await build({
    configFile: false,
    logLevel: 'error',
    plugins: [assemblyscript()],
    build: { ssr: 'src-main/extract-process.ts', target: 'node20', outDir: folder },
  })
}, 120_000)
afterAll(() => rmSync(folder, { recursive: true }))

/** Views of equal layers of two models; the values of a broken specialist are not finite in one layer. */
async function layersOf(broken = false) {
  const random = [...new TorchGenerator(5).randn(SIDE * SIDE)]
  const models = [0, 1].map((model) => {
    const values = random.map((value, at) => value + model * Math.sin(at * (1 + (at % 7))))
    const tensors = Array.from({ length: LAYERS }, (_, layer) => {
      const own = model === 1 && broken && layer === 3 ? values.with(5, NaN) : values
      return [`layers.${layer}.weight`, tensor([SIDE, SIDE], layer === 2 && model === 1 ? random : own)] as const
    })
    return writeModel(join(temporaryFolder(), `${model}.safetensors`), Object.fromEntries(tensors))
  })
  const [base, specialist] = await Promise.all(models.map((path) => openCheckpoint(path)))
  const views = (model: typeof base): TensorView[] => [...[...model!.components.values()][0]!.tensors.values()]
  const others = views(specialist)
  const layers = views(base).map((view, at) => {
    return { base: view, specialist: others[at]!, kept: { rank: 4 }, type: 'F16' as const }
  })
  return { layers, sources: [...base!.files, ...specialist!.files] }
}

const processFile = (): URL => pathToFileURL(join(folder, 'extract-process.js'))

async function factored(
  { layers, sources }: Awaited<ReturnType<typeof layersOf>>,
  options: Partial<FactorOptions>,
): Promise<(LayerFactors | null)[]> {
  const found: (LayerFactors | null)[] = []
  await factorLayers(layers, { processFile: null, processes: 1, sources, ...options }, (layer, factors) => {
    expect(layer).toBe(layers[found.length])
    found.push(factors)
  })
  return found
}

// Processes start slowly where many tests run.
describe('factorLayers', { timeout: 120_000 }, () => {
  it('gives the same from several processes as from this one, in order', async () => {
    const models = await layersOf()
    const here = await factored(models, {})
    const there = await factored(models, { processFile: processFile(), processes: 3 })
    expect(there.map((factors) => factors?.rank ?? null)).toEqual([4, 4, null, 4, 4, 4])
    here.forEach((factors, at) => {
      expect(Buffer.from(factors?.up ?? []).equals(there[at]?.up ?? Buffer.alloc(0))).toBe(true)
      expect(there[at]?.lost).toBe(factors?.lost)
    })
  })

  it('passes the error of a process on, and a cancel', async () => {
    const options = { processFile: processFile(), processes: 2 }
    await expect(factored(await layersOf(true), options)).rejects.toMatchObject({ kind: 'not-finite' })
    const models = await layersOf()
    const abort = new AbortController()
    setTimeout(() => abort.abort(), 50)
    await expect(factored(models, { ...options, signal: abort.signal })).rejects.toMatchObject({ kind: 'cancelled' })
  })
})
