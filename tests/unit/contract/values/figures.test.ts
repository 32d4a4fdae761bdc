import { expect, it } from 'vitest'
import { figure } from '../../../../src-main/contract/values/figures'

it.each([
  [1 - 1.2, '−0.2'],
  [0.1 + 0.2, '0.3'],
  [-0, '0'],
  [3, '3'],
  [1e6, '1000000'],
  [0.5 + 0.7, '1.2'],
  [-Infinity, '−infinite'],
  [NaN, 'not a number'],
])('%d is written %s', (value, text) => expect(figure(value)).toBe(text))

it('has as many digits as are asked for, and no exponent for what people write out', () => {
  expect(figure(1234.5, 3)).toBe('1230')
  expect(figure(-33.333, 3)).toBe('−33.3')
})
