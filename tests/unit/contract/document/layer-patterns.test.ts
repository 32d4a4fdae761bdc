import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  matchesPattern,
  nearestNames,
  unmatchedHint,
  weightOf,
} from '../../../../src-main/contract/document/blocks/layer-patterns'
import { modelSchema } from '../../../../src-main/contract/document/project'

const ATTENTION = 'down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.weight'
const ATTENTION_LDM = 'model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn1.to_q.weight'

describe('a layer pattern', () => {
  it.each([
    ['conv_in.weight', 'conv_in.weight', true],
    ['attn1', ATTENTION, true],
    ['attn', ATTENTION, false],
    ['attn*', ATTENTION, true],
    ['*attn*', ATTENTION, true],
    ['down_blocks.0', 'down_blocks.0.resnets.0.conv1.weight', true],
    ['down_blocks.0', 'down_blocks.01.resnets.0.conv1.weight', false],
    ['up_blocks.*.resnets.*.conv1', 'up_blocks.3.resnets.2.conv1.weight', true],
    ['*', 'anything', true],
    ['to_out.0', 'mid_block.attentions.0.to_out.0.bias', true],
    ['to_out.0', 'mid_block.attentions.0.to_outx0.bias', false],
    ['a+b', 'a+b', true],
    ['a.*', 'a', false],
    ['a*b', 'a.b.bc', true],
    ['.*', 'a.b', false],
  ])('%s on %s: %s', (pattern, name, expected) => expect(matchesPattern(pattern, [name])).toBe(expected))

  it('matches by any of the names', () => {
    for (const pattern of ['input_blocks.1.1', 'input_blocks.1.1.*attn1', ATTENTION_LDM])
      expect(matchesPattern(pattern, [ATTENTION, ATTENTION_LDM])).toBe(true)
    expect(matchesPattern('input_blocks.1.0', [ATTENTION, ATTENTION_LDM])).toBe(false)
  })

  it('means what the regular expression of its text means', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '.'), minLength: 1, maxLength: 12 })
    const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '.', '*'), minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(pattern, text, (wanted, name) => {
        const expression = wanted
          .split('*')
          .map((part) => part.replaceAll('.', '\\.'))
          .join('.*')
        expect(matchesPattern(wanted, [name])).toBe(new RegExp(`(^|\\.)${expression}(\\.|$)`).test(name))
      }),
    )
  })

  it('of many stars and a long name is answered at once', () => {
    const names = [`${'a'.repeat(50_000)}b`]
    const started = performance.now()
    expect(matchesPattern(`${'*a'.repeat(100)}*c`, names)).toBe(false)
    expect(performance.now() - started).toBeLessThan(10_000)
  })
})

describe('a pattern that matches nothing', () => {
  const names = [ATTENTION, ATTENTION_LDM, ATTENTION.replace('attn1', 'attn2'), 'conv_in.weight', 'conv_in.bias']

  it.each([
    ['attn', ['attn1', 'attn2']],
    ['conv_inn', ['conv_in']],
    ['attn1.to_p', ['attn1.to_q']],
    ['input_blocks.1.2', ['input_blocks.1.1']],
    ['conv_im*', ['conv_in.bias', 'conv_in.weight']],
  ])('%s names what is near', (pattern, expected) =>
    expect(nearestNames(pattern, names).slice(0, expected.length)).toEqual(expected),
  )

  it('of a hostile length, among hostile names, is answered at once', () => {
    const hostile = [...Array.from({ length: 50_000 }, (_, at) => `a.${at}.weight`), 'a.'.repeat(50_000)]
    const started = performance.now()
    expect(nearestNames('*x'.repeat(50_000), hostile)).toEqual([])
    expect(nearestNames('*x'.repeat(90), hostile)).toHaveLength(3)
    expect(performance.now() - started).toBeLessThan(30_000)
  })

  it('says how patterns work, also where there are no names', () => {
    expect(unmatchedHint('attn', names)).toContain('attn1, attn2')
    expect(unmatchedHint('attn', [])).toContain('whole parts')
  })
})

describe('the weight of a model for a tensor', () => {
  const model = modelSchema.parse({
    name: 'a',
    path: 'a',
    weight: 0.1,
    blocks: { in01: 0.2 },
    layers: [
      { pattern: 'resnets', weight: 0.3 },
      { pattern: 'conv1', weight: 0.4 },
    ],
  })

  it('is that of the last pattern, else of the block, else its own', () => {
    expect(weightOf(model, ['conv_in.weight'], 'IN00')).toBe(0.1)
    expect(weightOf(model, ['down_blocks.0.attentions.0.norm.weight'], 'IN01')).toBe(0.2)
    expect(weightOf(model, ['down_blocks.0.resnets.0.conv2.weight'], 'IN01')).toBe(0.3)
    expect(weightOf(model, ['down_blocks.0.resnets.0.conv1.weight'], 'IN01')).toBe(0.4)
    expect(weightOf({ ...model, enabled: false }, ['conv_in.weight'], 'IN00')).toBe(0)
  })
})
