import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { RECIPE_KEY } from '../../../../../src-main/engine/checkpoint/describe'
import { readSafetensors } from '../../../../../src-main/engine/checkpoint/containers/safetensors'
import { methodSchema } from '../../../../../src-main/contract/document/project'
import { planMerge } from '../../../../../src-main/engine/merge/open-model'
import type { Recipe } from '../../../../../src-main/engine/merge/plan/recipe'
import { DATA_HASH_KEY } from '../../../../../src-main/engine/merge/plan/export/seal'
import { runMerge } from '../../../../../src-main/engine/merge/run'
import { noiseWarnings, sharesInWords, sharesOf } from '../../../../../src-main/engine/merge/verdict'
import { family } from '../../../demo-family'
import { noise } from '../../tensor/inputs'
import { merge, projectOf, sha256, temporaryFolder, tensor, writeModel } from '../models'

function model(path: string, seed: number, metadata?: Record<string, string>): string {
  return writeModel(
    path,
    { 'layer.weight': tensor([8, 12], noise(96, seed)), 'norm.weight': tensor([12], noise(12, seed)) },
    metadata,
  )
}

describe('the metadata of a merge', () => {
  it('tell how it was made, without paths, and hash its data', async () => {
    const folder = temporaryFolder()
    const [a, b] = [model(join(folder, 'a.safetensors'), 1), model(join(folder, 'b.safetensors'), 2)]
    const out = join(folder, 'out.safetensors')
    const models = [
      { path: a, name: 'base' },
      { path: b, name: 'food', weight: 0.5 },
    ]
    const thumbnail = 'data:image/png;base64,AAAA'
    const output = { title: 'Half a sandwich “ü”', author: 'me', license: 'CC0', notes: 'none', thumbnail }
    const { recipe } = await merge(projectOf(models, { name: 'featurefusion' }, output), out)
    const bytes = readFileSync(out)
    const length = Number(bytes.readBigUInt64LE())
    expect((length + 8) % 8).toBe(0)
    const { metadata } = await readSafetensors(out)
    const data = createHash('sha256')
      .update(bytes.subarray(8 + length))
      .digest('hex')
    expect(metadata[DATA_HASH_KEY]).toBe(`0x${data}`)
    expect(JSON.parse(metadata[RECIPE_KEY]!)).toEqual(recipe)
    expect(recipe).toMatchObject({
      method: 'featurefusion',
      settings: { statistics: 'exact', normaliser: 'aligned', threshold: 'auto' },
      models: [
        { name: 'base', weight: 1, files: [{ name: 'a.safetensors', sha256: sha256(a) }] },
        { name: 'food', weight: 0.5, files: [{ name: 'b.safetensors', sha256: sha256(b) }] },
      ],
      runtime: { provider: 'cpu', onnxruntime: expect.stringMatching(/^1\./) },
    } satisfies Partial<Record<keyof Recipe, unknown>>)
    expect(metadata).toMatchObject({
      format: 'pt',
      'modelspec.title': output.title,
      'modelspec.author': 'me',
      'modelspec.license': 'CC0',
      'modelspec.thumbnail': thumbnail,
      'modelspec.description': 'none',
      'modelspec.merged_from': 'base, food',
    })
    expect(JSON.stringify(metadata)).not.toContain(folder)
    expect(Object.keys(metadata)).not.toContain('modelspec.date')
    expect(Object.keys(JSON.parse(metadata['sd_merge_models']!) as object)).toEqual([sha256(a), sha256(b)])
  })

  it('name the ancestors of models that are merges themselves, and do not fall over others’ metadata', async () => {
    const folder = temporaryFolder()
    const [a, b] = [model(join(folder, 'a.safetensors'), 1), model(join(folder, 'b.safetensors'), 2)]
    const broken = model(join(folder, 'c.safetensors'), 3, { sd_merge_models: '{no json', sd_merge_recipe: '[1' })
    const first = join(folder, 'first.safetensors')
    const second = join(folder, 'second.safetensors')
    await merge(projectOf([a, b], { name: 'soup' }), first)
    await merge(projectOf([first, broken], { name: 'soup' }), second)
    const { metadata } = await readSafetensors(second)
    const table = JSON.parse(metadata['sd_merge_models']!) as Record<string, { sd_merge_recipe: unknown }>
    expect(Object.keys(table).sort()).toEqual([a, b, first, broken].map(sha256).sort())
    expect(table[sha256(first)]!.sd_merge_recipe).toMatchObject({ interp_method: 'Soup' })
    expect(table[sha256(broken)]!.sd_merge_recipe).toBeNull()
  })
})

it('shares are told in words', () => {
  const shares = [
    { name: 'base', value: 1 / 3 },
    { name: 'style', value: 2 / 3 },
  ]
  expect(sharesInWords({ adds: false, shares })).toBe('base 33.3 %, style 66.7 %')
})

describe('the verdict on the demo family', () => {
  const models = [family.base, ...family.specialists.slice(0, 2)]
  const names = models.map(({ name }) => name)
  const result = async (method: Record<string, unknown>) => {
    const plan = await planMerge(projectOf(models, method))
    return { plan, result: await runMerge(plan, { path: join(temporaryFolder(), 'out') }) }
  }

  it('warns of the literal paper, not of the default', async () => {
    const { result: paper } = await result({ normaliser: 'paper' })
    const warnings = noiseWarnings(paper.layers, methodSchema.parse({ normaliser: 'paper' }))
    expect(warnings).toHaveLength(2)
    expect(warnings.join('\n')).toMatch(/condition numbers reach .*random rows/s)
    const { plan, result: safe } = await result({})
    expect(noiseWarnings(safe.layers, plan.project.method)).toEqual([])
    const { adds, shares } = sharesOf(plan, safe.layers)
    expect(adds).toBe(false)
    expect(shares.reduce((sum, { value }) => sum + value!, 0)).toBeCloseTo(1, 6)
    expect(shares.map(({ name }) => name)).toEqual(names)
    expect(Math.min(...shares.map(({ value }) => value!))).toBeGreaterThan(0)
  })
})
