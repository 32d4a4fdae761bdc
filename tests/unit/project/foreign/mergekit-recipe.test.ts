import { describe, expect, it } from 'vitest'
import { FusionError } from '../../../../src-main/contract/errors'
import type { ForeignRecipe } from '../../../../src-main/project/foreign/foreign-recipe'
import { readMergekitRecipe } from '../../../../src-main/project/foreign/mergekit-recipe'
import { mutations } from './mutations'

const read = (text: string): ForeignRecipe => readMergekitRecipe('mergekit_config.yml', text)

function words({ method, models }: ForeignRecipe): [ForeignRecipe['method'], string] {
  return [method, models.map(({ name, weight }) => `${name} ${weight}`).join(', ')]
}

/** Models a and b with a base, as most configurations have them; parameters of all behind. */
const onBase = (method: string, own = 'weight: 0.5', all = ''): string => `
merge_method: ${method}
base_model: models/base.safetensors
models:
  - model: models/base.safetensors
  - model: models/a.safetensors
    parameters: {${own}}
  - model: org/b
    parameters: {${own}}
${all && `parameters: {${all}}`}`

/** Models without a base. */
const alone = (method: string, own: readonly string[], all = ''): string => `
merge_method: ${method}
models:
${own.map((parameters, index) => `  - model: ${'abc'[index]}\n    parameters: {${parameters}}`).join('\n')}
${all && `parameters: {${all}}`}`

describe('a configuration of mergekit becomes the same merge, with mergekit’s defaults', () => {
  it.each<[string, ForeignRecipe['method'], string]>([
    [alone('linear', ['weight: 1', 'weight: 3']), { name: 'soup' }, 'a 1, b 3'],
    [alone('linear', ['weight: 3', 'weight: -1']), { name: 'weighted-sum' }, 'a 1, b -0.5'],
    [alone('linear', ['weight: 0.4', 'weight: 0.6'], 'normalize: no'), { name: 'weighted-sum' }, 'a 1, b 0.6'],
    [onBase('task_arithmetic'), { name: 'task-arithmetic', scale: 1 }, 'base 1, a 0.5, b 0.5'],
    [
      onBase('task_arithmetic', 'weight: 2', 'normalize: true, lambda: 0.7'),
      { name: 'task-arithmetic', scale: 0.7 },
      'base 1, a 0.5, b 0.5',
    ],
    [
      onBase('ties', 'weight: 0.5, density: 0.2'),
      { name: 'ties', tiesForm: 'mergekit', sign: 'sum', density: 0.2, scale: 1 },
      'base 1, a 0.5, b 0.5',
    ],
    [onBase('ties'), { name: 'ties', tiesForm: 'mergekit', sign: 'sum', density: 1, scale: 1 }, 'base 1, a 0.5, b 0.5'],
    [
      onBase('dare_ties', 'weight: 0.5', 'density: 0.53'),
      { name: 'dare-ties', density: 0.53, rescale: 'l1', scale: 1 },
      'base 1, a 0.5, b 0.5',
    ],
    [
      onBase('dare_linear', 'weight: 2', 'normalize: 1, density: "5e-1"'),
      { name: 'dare', density: 0.5, rescale: 'l1', scale: 1 },
      'base 1, a 0.5, b 0.5',
    ],
    [
      onBase('breadcrumbs', 'weight: 1, density: 0.9'),
      { name: 'breadcrumbs', density: 0.9, gamma: 0.01, scale: 1 },
      'base 1, a 1, b 1',
    ],
    [
      onBase('breadcrumbs_ties', 'weight: 1, density: 0.9, gamma: 0.05'),
      { name: 'breadcrumbs-ties', density: 0.9, gamma: 0.05, scale: 1 },
      'base 1, a 1, b 1',
    ],
    [
      onBase('della', 'weight: 1, density: 0.5'),
      { name: 'della', density: 0.5, rescale: 'l1', chanceSpread: 0.15, scale: 1 },
      'base 1, a 1, b 1',
    ],
    [
      // Everything is kept, whatever epsilon says.
      onBase('della_linear', 'weight: 1, epsilon: 0.3'),
      { name: 'della-linear', density: 1, rescale: 'l1', chanceSpread: 0, scale: 1 },
      'base 1, a 1, b 1',
    ],
    [onBase('sce', '', 'select_topk: 0.1'), { name: 'sce', density: 0.1 }, 'base 1, a 1, b 1'],
    [onBase('ram'), { name: 'ram', leastChange: 1e-5 }, 'base 1, a 1, b 1'],
    [onBase('ramplus_tl'), { name: 'ram', leastChange: 1e-5, boost: 0.1, boostLimit: 0.2 }, 'base 1, a 1, b 1'],
    [onBase('model_stock'), { name: 'model-stock', stockForm: 'tensor' }, 'base 1, a 1, b 1'],
    [onBase('model_stock', '', 'filter_wise: true'), { name: 'model-stock', stockForm: 'rows' }, 'base 1, a 1, b 1'],
    [
      'merge_method: slerp\nbase_model: a\nmodels: [{model: a}, {model: b}]\nparameters: {t: [0.3]}',
      { name: 'slerp', slerpForm: 'mergekit' },
      'a 1, b 0.3',
    ],
    [
      'merge_method: slerp\nbase_model: b\nmodels: [{model: a}, {model: b}]\nparameters:\n  t:\n    - value: 0.3',
      { name: 'slerp', slerpForm: 'mergekit' },
      'b 1, a 0.3',
    ],
    [onBase('nuslerp', 'weight: 3'), { name: 'nuslerp', axis: 'tensor' }, 'base 1, a 3, b 3'],
    [
      alone('nuslerp', ['weight: 1', 'weight: 3'], 'nuslerp_flatten: false, nuslerp_row_wise: true'),
      { name: 'slerp', slerpForm: 'nuslerp', axis: 'columns' },
      'a 1, b 0.75',
    ],
    [
      alone('nuslerp', ['weight: 0', 'weight: 0'], 'nuslerp_flatten: false'),
      { name: 'slerp', slerpForm: 'nuslerp', axis: 'rows' },
      'a 1, b 0.5',
    ],
    [onBase('multislerp'), { name: 'multislerp', origin: 'base', weightsAs: 'shares' }, 'base 0, a 0.5, b 0.5'],
    [
      alone('multislerp', ['weight: 0.5', 'weight: 0.5', 'weight: 1'], 'normalize_weights: false'),
      { name: 'multislerp', origin: 'zero', weightsAs: 'factors' },
      'a 0.5, b 0.5, c 1',
    ],
    [
      alone('karcher', ['', '', ''], 'max_iter: 20'),
      { name: 'karcher', weightsAs: 'shares', iterations: 20, tolerance: 1e-5 },
      'a 1, b 1, c 1',
    ],
  ])('%s', (text, method, models) => {
    expect(words(read(text))).toEqual([method, models])
  })

  it('with its type, a model’s own parameter before that of all, and places as they are written', () => {
    const text = `
merge_method: task_arithmetic
base_model: {model: {path: ./base}}
dtype: float32
out_dtype: bfloat16
parameters: {weight: 0.25}
models:
  - model: C:\\models\\a.ckpt
    parameters: {weight: {value: 0.75}}
  - model: {model: org/b}`
    const recipe = read(text)
    expect(recipe).toMatchObject({ dtype: 'bf16', parts: null })
    expect(recipe.models.map(({ name, place, weight }) => [name, place, weight])).toEqual([
      ['base', './base', 1],
      ['a', 'C:\\models\\a.ckpt', 0.75],
      ['b', 'org/b', 0.25],
    ])
  })
})

describe('what does not exist here is refused by its name, with what to do', () => {
  it.each([
    ['merge_method: slerp\nslices:\n  - sources: [{model: a, layer_range: [0, 32]}]', /“slices”/],
    [`${onBase('ties')}\ntokenizer_source: union`, /“tokenizer_source”/],
    [`${onBase('ties')}\nchat_template: auto`, /“chat_template”/],
    [`${onBase('ties')}\nexperts: []`, /“experts”/],
    [onBase('arcee_fusion'), /“arcee_fusion” is none of the methods here/],
    [onBase('constructor'), /“constructor”/],
    [onBase('ties', 'weight: [0, 0.5, 1]'), /“weight” is a gradient/],
    [onBase('ties', 'weight: [{filter: self_attn, value: 1}, 0.5]'), /“weight” has a filter \(“self_attn”\)/],
    [onBase('ties', 'weight: 1', 'normalize: false'), /“normalize: false”/],
    [onBase('ties', 'weight: 1', 'rescale: true'), /“rescale: true”/],
    [onBase('dare_ties', 'weight: 1, density: 0.5', 'normalize: true'), /“normalize: true”/],
    [onBase('dare_ties', 'weight: 1, density: 0.5', 'rescale: false'), /“rescale: false”/],
    [onBase('breadcrumbs', 'weight: 1, density: 0.5', 'rescale: true'), /“rescale: true”/],
    [onBase('della', 'weight: 1, density: 0.9'), /“epsilon: 0.15”/],
    [onBase('della', 'weight: 1', 'normalize: false'), /“normalize: false”/],
    [onBase('ties', 'weight: 1, density: 0'), /“density: 0”/],
    [onBase('ties', ''), /“weight” of models\/a\.safetensors is missing/],
    [onBase('ties').replace(/base_model.*\n/, ''), /“ties” has no “base_model”/],
    [
      alone('ties', ['weight: 1, density: 0.2', 'weight: 1, density: 0.3']) + '\nbase_model: c',
      /“density” differs.*0\.2, 0\.3/,
    ],
    [alone('linear', ['weight: 1', 'weight: 1'], 'normalize: false'), /add up to 2/],
    [alone('linear', ['weight: 1', 'weight: -1']), /add up to 0/],
    [alone('multislerp', ['weight: -1', 'weight: 2']), /negative weight/],
    [alone('multislerp', ['weight: 0', 'weight: 0']), /weights of 0/],
    [alone('model_stock', ['']) + '\nbase_model: c', /at least 2 specialists/],
    [onBase('ties').replace('org/b', 'org/b+org/lora'), /with a LoRA/],
    [onBase('ties').replace('org/b', 'org/b@main'), /one revision/],
    [onBase('ties').replace('org/b', '{model: b, override_architecture: Llama}'), /“override_architecture”/],
    [`${onBase('ties')}\ndtype: float64`, /“dtype: float64”/],
    [onBase('ties', 'weight: 1e300'), /out of all bounds/],
  ])('%s', (text, message) => {
    expect(() => read(text)).toThrow(message)
  })

  it('as is what is no configuration', () => {
    for (const text of ['', 'a: 1', '- 1', 'Dear diary', 'format: x\n\t- {', 'x'.repeat(200_000)])
      expect(() => read(text)).toThrow(/no recipe of mergekit or sd-mecha/)
  })
})

describe('a damaged configuration is an error in words', () => {
  it.each([
    ['merge_method: ties\nmodels: [', /not valid YAML/],
    ['merge_method: ties\nmodels: []', /lists no models/],
    ['merge_method: ties', /lists no models/],
    ['merge_method: ties\nmodels: [3]', /no mapping/],
    ['merge_method: ties\nmodels: [{model: {toString: 1}}]', /“toString”/],
    ['merge_method: ties\nmodels: [{model: a}, {model: a}]', /a model twice/],
    ['merge_method: ties\nmodels: [{model: a}]\nparameters: 3', /“parameters” is no mapping/],
    [onBase('ties', 'weight: much'), /“weight” is no number/],
    [onBase('ties', 'weight: 1', 'normalize: maybe'), /“normalize” is neither/],
    [onBase('ties', 'weight: [{filter: {toString: 1}}]'), /“weight” has a filter\./],
  ])('%s', (text, message) => {
    expect(() => read(text)).toThrow(message)
  })

  it('whatever is changed in it', () => {
    const texts = [
      onBase('ties', 'weight: [0.5]'),
      alone('nuslerp', ['weight: 1', 'weight: 3']),
      onBase('della', 'weight: 1'),
    ]
    for (const text of texts)
      for (const changed of mutations(text, 400)) {
        try {
          read(changed)
        } catch (error) {
          expect(error, changed).toBeInstanceOf(FusionError)
        }
      }
  })

  it('also where names stand for names for names, and brackets have no end', () => {
    const bomb = Array.from({ length: 20 }, (_, level) => {
      const inner =
        level === 0
          ? '1'
          : Array<string>(10)
              .fill(`*a${level - 1}`)
              .join(', ')
      return `a${level}: &a${level} [${inner}]`
    })
    const texts = [
      `merge_method: ties\n${bomb.join('\n')}`,
      `merge_method: ties\nmodels: &m [*m]`,
      `merge_method: ties\nmodels: ${'['.repeat(50_000)}`,
      `merge_method: ties\nmodels: ${'{a: '.repeat(20_000)}`,
      `merge_method: ties\n${'- '.repeat(40_000)}`,
      `merge_method: ties\nmodels: [{model: ${'{model: '.repeat(1000)}a${'}'.repeat(1000)}}]`,
      `merge_method: ties\nmodels: [{model: a}]\nparameters: {weight: ${'{value: '.repeat(1000)}1${'}'.repeat(1000)}}`,
    ]
    for (const text of texts) expect(() => read(text), text.slice(0, 60)).toThrow(FusionError)
  })
})
