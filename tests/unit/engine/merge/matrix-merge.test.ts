import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { MergeOptions } from '../../../../src-main/engine/merge/run'
import { planMerge } from '../../../../src-main/engine/merge/open-model'
import { reasonAgainstFeeding } from '../../../../src-main/engine/merge/live-merge'
import { forecast } from '../../../../src-main/engine/merge/forecast'
import { warningsOf } from '../../../../src-main/engine/merge/verdict'
import { BuiltCli } from '../../cli/built-cli'
import { noise } from '../tensor/inputs'
import { merge, projectOf, readModel, temporaryFolder, tensor, writeModel } from './models'

const GOLDENS = resolve('tests/golden')
const BASE = join(GOLDENS, 'sd1/pipeline')
const LORA = join(GOLDENS, 'lora/sd1-kohya.safetensors')

/** A base and specialists with these tensors, of shapes by name. */
function models(folder: string, shapes: Readonly<Record<string, readonly number[]>>, count = 3): string[] {
  return Array.from({ length: count }, (_, model) =>
    writeModel(
      join(folder, `${model}.safetensors`),
      Object.fromEntries(
        Object.entries(shapes).map(([name, shape], at) => {
          const size = shape.reduce((product, length) => product * length, 1)
          return [name, tensor(shape, noise(size, 10 * model + at + 1))]
        }),
      ),
    ),
  )
}

const LAYERS = {
  'one.weight': [24, 30],
  'one.bias': [24],
  'two.weight': [80, 10, 3, 3],
  'two.bias': [80],
  'norm.weight': [24],
} as const

let cli: BuiltCli
beforeAll(async () => void (cli = await BuiltCli.build()))
afterAll(() => cli.remove())

describe('a merge by a matrix method', () => {
  it('adds the mean of what biases and norms have changed', async () => {
    const folder = temporaryFolder()
    const paths = models(folder, LAYERS)
    await merge(projectOf(paths, { name: 'iso-c', scale: 0.5 }), join(folder, 'merged.safetensors'))
    const [base, first, second, merged] = await Promise.all(
      [...paths, join(folder, 'merged.safetensors')].map(readModel),
    )
    for (const name of ['one.bias', 'two.bias', 'norm.weight']) {
      const [own, a, b] = [base, first, second].map((model) => model!.get(name)!.values)
      merged!.get(name)!.values.forEach((value, at) => {
        expect(value).toBeCloseTo(own![at]! + (0.5 * (a![at]! + b![at]! - 2 * own![at]!)) / 2, 5)
      })
    }
  })

  it('gives the same bytes by any number of threads, and forecasts its memory', async () => {
    const folder = temporaryFolder()
    const project = projectOf(models(folder, LAYERS), { name: 'tsv' })
    const [one, two, several] = await Promise.all(
      [{ threads: 1 }, { threads: 2 }, { threads: 2, workerFile: cli.workerFile }].map(async (options, index) => {
        const path = join(folder, `${index}.merged.safetensors`)
        const { matrices } = await merge(project, path, options)
        expect(matrices.map(({ layer }) => layer)).toEqual(['one.weight', 'two.weight'])
        return readFileSync(path)
      }),
    )
    expect(one!.equals(two!)).toBe(true)
    expect(one!.equals(several!)).toBe(true)
    const { memoryBytes, flops } = await forecast(await planMerge(project), 'cpu')
    expect(memoryBytes).toBeGreaterThan(80 * 90 * 4 * 4)
    expect(flops).toBeGreaterThan(80 * 80 * 90 * 4)
  })

  it('can be cancelled while threads compute products', async () => {
    const folder = temporaryFolder()
    const shapes = Object.fromEntries(Array.from({ length: 6 }, (_, at) => [`layers.${at}.weight`, [300, 400]]))
    const project = projectOf(models(folder, shapes), { name: 'tsv' })
    for (let count = 0; count < 3; count++) {
      const controller = new AbortController()
      const cancelled = merge(project, join(folder, 'merged.safetensors'), {
        threads: 2,
        workerFile: cli.workerFile,
        signal: controller.signal,
        onProgress: (phase, fraction) => phase === 'merging' && fraction > 0 && controller.abort(),
      })
      await expect(cancelled).rejects.toThrow(expect.objectContaining({ kind: 'cancelled' }))
    }
  })

  it('continues where it was cancelled, with the same bytes and words', async () => {
    const folder = temporaryFolder()
    const project = projectOf(models(folder, LAYERS), { name: 'iso-cts' })
    const whole = await merge(project, join(folder, 'whole.safetensors'))
    const controller = new AbortController()
    const onProgress: MergeOptions['onProgress'] = (phase, fraction) => {
      if (phase === 'merging' && fraction > 0.05) controller.abort()
    }
    const path = join(folder, 'resumed.safetensors')
    const resume = { restart: false }
    await expect(merge(project, path, { resume, signal: controller.signal, onProgress })).rejects.toThrow(/ancelled/)
    const { resumed, matrices } = await merge(project, path, { resume })
    expect(resumed).not.toBeNull()
    expect(matrices).toEqual(whole.matrices)
    expect(readFileSync(path).equals(readFileSync(join(folder, 'whole.safetensors')))).toBe(true)
  })

  it('sees the parts of a fused projection one by one', async () => {
    const folder = temporaryFolder()
    const paths = models(folder, {
      'attn.in_proj_weight': [12, 5],
      'attn.in_proj_bias': [12],
      'blocks.0.qkv.weight': [12, 7],
    })
    const split = await Promise.all(
      paths.map(async (path, model) => {
        const tensors = await readModel(path)
        const parts = ['attn.in_proj_weight', 'blocks.0.qkv.weight'].flatMap((name) => {
          const { values, shape } = tensors.get(name)!
          const length = values.length / 3
          return [0, 1, 2].map((part) => {
            return [
              `${name}.${part}.weight`,
              tensor([4, shape[1]!], values.subarray(part * length, (part + 1) * length)),
            ] as const
          })
        })
        return writeModel(join(folder, `split-${model}.safetensors`), Object.fromEntries(parts))
      }),
    )
    const method = { name: 'tsv' }
    await merge(projectOf(paths, method), join(folder, 'fused.safetensors'))
    await merge(projectOf(split, method), join(folder, 'parts.safetensors'))
    const [fused, parts] = [
      await readModel(join(folder, 'fused.safetensors')),
      await readModel(join(folder, 'parts.safetensors')),
    ]
    for (const name of ['attn.in_proj_weight', 'blocks.0.qkv.weight']) {
      const whole = [0, 1, 2].flatMap((part) => [...parts.get(`${name}.${part}.weight`)!.values])
      expect([...fused.get(name)!.values]).toEqual(whole)
    }
  })

  it('calibrates another merge, that a project makes, as it calibrates task arithmetic', async () => {
    const folder = temporaryFolder()
    const [base, ...specialists] = models(folder, LAYERS)
    const inner = join(folder, 'inner.fusion.json')
    writeFileSync(inner, JSON.stringify(projectOf([base!, ...specialists], { name: 'task-arithmetic', scale: 0.4 })))
    const [own, other] = [join(folder, 'own.safetensors'), join(folder, 'other.safetensors')]
    await merge(projectOf([base!, ...specialists], { name: 'svc', scale: 0.4, leastOverlap: 0.1 }), own)
    await merge(
      projectOf([base!, inner, ...specialists], { name: 'svc', calibrated: 'first', leastOverlap: 0.1 }),
      other,
    )
    const [one, two] = [await readModel(own), await readModel(other)]
    for (const [name, { values }] of one) {
      const expected = two.get(name)!.values
      expect(values.every((value, at) => Math.abs(value - expected[at]!) < 1e-5)).toBe(true)
    }
    const plain = join(folder, 'plain.safetensors')
    await merge(projectOf([base!, ...specialists], { name: 'task-arithmetic', scale: 0.4 }), plain)
    const uncalibrated = (await readModel(plain)).get('one.weight')!.values
    expect(one.get('one.weight')!.values.some((value, at) => Math.abs(value - uncalibrated[at]!) > 1e-2)).toBe(true)
  })

  it('takes adapters, and says that their changes have a low rank', async () => {
    const folder = temporaryFolder()
    const project = projectOf([BASE, LORA], { name: 'tsv' })
    const result = await merge(project, join(folder, 'merged'))
    const changed = result.matrices.filter(({ taken }) => taken > 0)
    expect(changed.length).toBeGreaterThan(0)
    for (const { taken } of changed) expect(taken).toBeLessThanOrEqual(4)
    const plan = await planMerge(project)
    expect(reasonAgainstFeeding(plan)).toMatch(/^TSV-Merge merges whole layers/)
    expect(warningsOf(result, plan)).toEqual([
      expect.stringMatching(/^In \d+ of \d+ layers the changes have fewer directions/),
    ])
    // One specialist in full: its own change again.
    await merge(projectOf([BASE, LORA], { name: 'task-arithmetic' }), join(folder, 'whole'))
    const file = 'unet/diffusion_pytorch_model.safetensors'
    const [merged, whole] = [
      await readModel(join(folder, 'merged', file)),
      await readModel(join(folder, 'whole', file)),
    ]
    for (const [name, { values }] of merged) {
      const expected = whole.get(name)!.values
      expect(values.every((value, at) => Math.abs(value - expected[at]!) < 1e-4)).toBe(true)
    }
  })
})
