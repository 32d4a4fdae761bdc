import { expect, it } from 'vitest'
import { matchPeftPattern } from '../../../../src-main/engine/adapters/peft-patterns'

const MODULE = 'down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_q'

/** What peft 0.21's get_pattern_key does: re.match(rf"(.*\.)?({key})$", module). */
it.each([
  ['to_q', true],
  ['attn2.to_q', true],
  [MODULE, true],
  ['o_q', false],
  ['to_k', false],
  ['attn2.to_(q|k)', true],
  ['attn[12]\\.to_q', true],
  ['down_blocks\\.[0-2]\\..*to_q', true],
  ['down_blocks\\.[2-3]\\..*to_q', false],
  ['attn\\d.to_q', true],
  ['attnX.to_q', false],
])('%s on a module: %s', (pattern, expected) => {
  expect(matchPeftPattern({ [pattern]: 3 }, MODULE)).toBe(expected ? 3 : undefined)
})

it('takes the first that matches', () => {
  expect(matchPeftPattern({ to_k: 1, '.*to_q': 2, to_q: 3 }, MODULE)).toBe(2)
})

it.each(['(a+)+b', '(.*)*x', '.*.*.*.*y', 'a?a?a?a', '(?P<n>x)', '(', 'x'.repeat(501) + '*'])(
  'refuses %s by its name',
  (pattern) => {
    expect(() => matchPeftPattern({ [pattern]: 1 }, MODULE)).toThrow(/alpha_pattern/)
  },
)

it('ends soon on the slowest pattern that it takes', () => {
  const started = performance.now()
  matchPeftPattern({ '.*.*Z': 1 }, `${'a.'.repeat(249)}b`)
  expect(performance.now() - started).toBeLessThan(10_000)
})
