import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { FusionError } from '../../../../src-main/contract/errors'
import type { ForeignRecipe } from '../../../../src-main/project/foreign/foreign-recipe'
import { readMechaRecipe } from '../../../../src-main/project/foreign/mecha-recipe'
import { mutations } from './mutations'

/** What sd-mecha really left in files that it merged; make.py says how. */
const FOLDER = join(import.meta.dirname, 'mecha')
const text = (name: string): string => readFileSync(join(FOLDER, `${name}.mecha`), 'utf8')
const read = (name: string): ForeignRecipe => readMechaRecipe(`${name}.mecha`, text(name))

/** Method, then models, base first, as 'name weight'. */
function words({ method, models }: ForeignRecipe): [ForeignRecipe['method'], string] {
  return [method, models.map(({ name, weight }) => `${name} ${weight}`).join(', ')]
}

/** One line of the text after the other, without what sd-mecha completes. */
const recipe = (...lines: string[]): string =>
  ['version 0.1.0', 'model "a.safetensors"', 'model "b.safetensors"', 'model "c.safetensors"', ...lines].join('\n')

describe('a recipe of sd-mecha becomes the same merge', () => {
  it.each<[string, ForeignRecipe['method'], string]>([
    ['weighted-sum', { name: 'weighted-sum' }, 'a 1, b 0.3'],
    // (a · 0.5 + b · 0.5) · 0.8 + c · 0.2
    ['weighted-sum-of-sums', { name: 'weighted-sum' }, 'a 1, b 0.4, c 0.2'],
    ['n-average', { name: 'soup' }, 'a 1, b 1, c 1'],
    ['add-difference', { name: 'add-difference' }, 'c 1, a 1, b 0.7'],
    ['task-arithmetic', { name: 'task-arithmetic' }, 'c 1, a 0.5, b 0.25'],
    // a + 0.5 (b − c) + 0.25 (a − c) = a + 0.5 (b − a) − 0.75 (c − a)
    ['other-bases', { name: 'task-arithmetic' }, 'a 1, b 0.5, c -0.75'],
    ['lora', { name: 'task-arithmetic' }, 'a 1, b 0.5, style 0.8'],
    ['ties', { name: 'ties', tiesForm: 'sd-mecha', density: 0.2, sign: 'sum', scale: 0.7 }, 'c 1, a 1, b 0.5'],
    ['model-stock', { name: 'model-stock', stockForm: 'neighbours', scale: 1 }, 'c 1, a 1, b 1'],
    ['dropout', { name: 'dare', density: 0.2, rescale: 'density', seed: 3, scale: 1 }, 'c 1, a 1'],
    ['train-difference', { name: 'train-difference' }, 'c 1, a 1, b 0.8'],
    ['add-perpendicular', { name: 'add-perpendicular' }, 'c 1, a 1, b 0.4'],
    ['slerp', { name: 'slerp', slerpForm: 'sd-mecha' }, 'a 1, b 0.4'],
    ['cosine-a', { name: 'cosine', similarity: 'columns', shift: 0.1 }, 'a 1, b 1'],
    ['cosine-b', { name: 'cosine', similarity: 'mixed', shift: 0.2 }, 'a 1, b 1'],
    ['geometric-median', { name: 'geometric-median' }, 'a 1, b 1, c 1'],
    ['geometric-median-of-changes', { name: 'geometric-median' }, 'c 0, a 1, b 1'],
  ])('%s', (name, method, models) => {
    expect(words(read(name))).toEqual([method, models])
  })

  it('with weights by block: BASE holds for all that has no block of its own', () => {
    const [a, b] = read('weighted-sum-blocks').models
    expect(a).toMatchObject({ weight: 1, blocks: {} })
    expect(b!.weight).toBe(0.25)
    expect(Object.keys(b!.blocks)).toHaveLength(25)
    expect(b!.blocks).toMatchObject({ IN00: 0.75, IN01: 0.5, M00: 0.1, OUT10: 0.5, OUT11: 1 })
    const [c, first, second] = read('add-difference-blocks').models
    expect([c!.name, first!.name, second!.name]).toEqual(['c', 'a', 'b'])
    expect([c!.blocks, first!.blocks]).toEqual([{}, {}])
    expect(second).toMatchObject({ weight: 0.25, blocks: b!.blocks })
    const [, y] = read('weighted-sum-xl-blocks').models
    expect(y).toMatchObject({ weight: 0.5, blocks: { IN08: 0.9, VAE: 0 } })
  })

  it('with the type that it is cast to, and the parts of its models', () => {
    expect(read('cast')).toMatchObject({ dtype: 'bf16', parts: ['unet', 'text_encoder', 'vae'] })
    expect(read('weighted-sum')).toMatchObject({ dtype: 'same' })
    expect(read('weighted-sum-xl-blocks').parts).toContain('text_encoder_2')
  })

  it('with quotes, comments, empty lines, numbers in place and paths of other systems', () => {
    const own = recipe(
      '# mine',
      '',
      'model "C:\\\\models\\\\my \\"x=1\\" model.ckpt"',
      'merge "weighted_sum" &0 &3 alpha=.25',
    )
    expect(words(readMechaRecipe('own.mecha', own))).toEqual([{ name: 'weighted-sum' }, 'a 1, my "x=1" model 0.25'])
    expect(readMechaRecipe('own.mecha', own.replaceAll('\n', '\r\n')).models[1]!.place).toBe(
      'C:\\models\\my "x=1" model.ckpt',
    )
  })

  it('fills blocks without a number', () => {
    const lines = ['dict IN00=1', 'literal &3 model_config="sd1-supermerger_blocks"', 'merge "fallback" &4 0.5']
    const [, b] = readMechaRecipe('m', recipe(...lines, 'merge "weighted_sum" &0 &1 &5')).models
    expect(b).toMatchObject({ weight: 0.5, blocks: { IN00: 1 } })
  })
})

describe('what does not exist here is refused by its name', () => {
  it.each([
    ['dropout-of-two', /“dropout” of several models/],
    ['ties-with-dare', /“ties_sum_with_dropout” drops changes before TIES/],
    ['clamp', /“clamp” is none of the methods here/],
    ['ties-again', /“weighted_sum” merges again what “ties_sum” made/],
    ['without-vae', /“omit_component” is none of the methods here/],
    ['opposite', /“add_opposite_mask” is none of the methods here/],
    ['difference', /does not end in a model/],
  ])('%s', (name, message) => {
    expect(() => read(name)).toThrow(message)
    expect(() => read(name)).toThrow(FusionError)
  })

  it.each<[RegExp, ...string[]]>([
    [/“rebasin”/, 'merge "rebasin" &0 &1'],
    [/“constructor”/, 'merge "constructor" &0'],
    [
      /“cos_eps” of “model_stock”/,
      'merge "subtract" &1 &0',
      'merge "subtract" &2 &0',
      'merge "model_stock" &3 &4 cos_eps=0.1',
    ],
    [/“k” of “ties_sum”/, 'merge "subtract" &1 &0', 'merge "ties_sum" &3 k=0', 'merge "add_difference" &0 &4'],
    [/“beta” of “weighted_sum”/, 'merge "weighted_sum" &0 &1 beta=1'],
    [/not given “b”/, 'merge "weighted_sum" &0'],
    [/“alpha” of “weighted_sum” is no number/, 'merge "weighted_sum" &0 &1 "half"'],
    [/is no model/, 'merge "weighted_sum" &0 0.5'],
    [/changes of one model each/, 'merge "subtract" &1 &2', 'merge "ties_sum" &3', 'merge "add_difference" &0 &4'],
    [
      /single tensors \(“sd1-ldm”\)/,
      'dict a.weight=1',
      'literal &3 model_config="sd1-ldm"',
      'merge "weighted_sum" &0 &1 &4',
    ],
    [/values without saying of what/, 'dict IN00=1', 'merge "weighted_sum" &0 &1 &3'],
    [
      /no number for the whole model/,
      'dict IN00=1',
      'literal &3 model_config="sd1-supermerger_blocks"',
      'merge "weighted_sum" &0 &1 &4',
    ],
    [/another model than the one/, 'merge "weighted_sum" &0 &1', 'merge "fallback" &3 &1'],
    [
      /holds no weights of a model \(“delta”\)/,
      'model "d.safetensors" merge_space="delta"',
      'merge "add_difference" &0 &3',
    ],
    [/“dtype” of “cast” is “int8”/, 'merge "weighted_sum" &0 &1', 'merge "cast" &3 dtype="int8"'],
    [/“dtype” of “cast” is “float16”/, 'merge "cast" &0 dtype="float16"', 'merge "weighted_sum" &3 &1'],
    [/one model as it is/, 'merge "weighted_sum" &0 &1 0'],
    [/out of all bounds/, 'merge "weighted_sum" &0 &1 2e6'],
  ])('%s', (message, ...lines) => {
    expect(() => readMechaRecipe('m', recipe(...lines))).toThrow(message)
  })

  it('as is a text of another version', () => {
    expect(() => readMechaRecipe('m', 'version 0.2.0\nmodel "a"')).toThrow(/version 0\.2\.0/)
  })
})

describe('a damaged text is told by its line', () => {
  it.each([
    ['', /line 1: it does not begin/],
    ['version 0.1.0', /holds no step/],
    [recipe('eval "x"'), /line 5: “eval” is no command/],
    [recipe('merge weighted_sum &0 &1'), /line 5: “weighted_sum” is no number/],
    [recipe('merge "weighted_sum" &0 &3'), /line 5: &3 names no earlier line/],
    [recipe('merge "weighted_sum" &0 &1 nan'), /“nan” is no number/],
    [recipe('merge "weighted_sum &0 &1'), /a quote is not closed/],
    [recipe('merge "weighted_sum" &0 &1 &2 &2'), /line 5: “weighted_sum” is given too much/],
    [recipe('dict a=1 a=2'), /“a” stands twice/],
    [recipe('literal &0'), /a literal has no values/],
    [recipe('model 3'), /a model has no path/],
  ])('%j', (text, message) => {
    expect(() => readMechaRecipe('m', text)).toThrow(message)
  })

  it('whatever is changed in it, by an error in words or a project', () => {
    for (const file of readdirSync(FOLDER).filter((name) => name.endsWith('.mecha'))) {
      const original = readFileSync(join(FOLDER, file), 'utf8')
      for (const changed of mutations(original, 60)) {
        try {
          readMechaRecipe(file, changed)
        } catch (error) {
          expect(error).toBeInstanceOf(FusionError)
        }
      }
    }
  })
})

it('takes time in proportion to its length: lines that name each other, and many models', () => {
  const chain = Array.from({ length: 15_000 }, (_, index) => `merge "weighted_sum" &${index + 2} &${index + 2} 0.5`)
  expect(() => readMechaRecipe('m', recipe(...chain))).toThrow(/one model as it is/)
  const models = Array.from({ length: 65 }, (_, index) => `model "${index}"`)
  const sums = Array.from(
    { length: 64 },
    (_, index) => `merge "weighted_sum" &${index === 0 ? 3 : index + 67} &${index + 4}`,
  )
  expect(() => readMechaRecipe('m', recipe(...models, ...sums))).toThrow(/more than 64 models/)
  expect(() => readMechaRecipe('m', recipe(...Array<string>(25_000).fill('dict a=1')))).toThrow(/more than 20000 lines/)
  expect(() => readMechaRecipe('m', 'x'.repeat(5_000_000))).toThrow(/too long/)
})
