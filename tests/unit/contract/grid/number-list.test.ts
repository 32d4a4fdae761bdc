import { expect, it } from 'vitest'
import { parseNumbers } from '../../../../src-main/contract/values/number-list'

it.each([
  ['0, 0.5;1', [0, 0.5, 1]],
  ['0..1 in 5', [0, 0.25, 0.5, 0.75, 1]],
  ['1..0 in 3', [1, 0.5, 0]],
  ['-1..1 in 2', [-1, 1]],
  ['0.3..9 in 1', [0.3]],
  ['1-4', [1, 2, 3, 4]],
  ['0-1 [3], 7', [0, 0.5, 1, 7]],
  ['1-6 (+2)', [1, 3, 5]],
  ['0-0.3 (+0.1)', [0, 0.1, 0.2, 0.3]],
  ['−2', [-2]],
])('reads the numbers %j', (text, values) => expect(parseNumbers(text, 100)).toEqual({ values }))

it.each(['', ' , ', 'x', '1..2 in', '0..1 in 1000', '4-1', '1-9 (+0)', 'random 0..1', '1e3'])('refuses %j', (text) => {
  expect(parseNumbers(text, 100)).toMatchObject({ problem: expect.any(String) })
})

it('draws random numbers that stay, and others for another seed', () => {
  const drawn = (text: string): number[] => {
    const list = parseNumbers(text, 100)
    return 'values' in list ? list.values : []
  }
  const values = drawn('random 0.2..0.4 in 50')
  expect(values).toHaveLength(50)
  expect(new Set(values).size).toBeGreaterThan(30)
  for (const value of values) expect(value).toBeGreaterThanOrEqual(0.2)
  for (const value of values) expect(value).toBeLessThanOrEqual(0.4)
  expect(drawn('random 0.2..0.4 in 50')).toEqual(values)
  expect(drawn('random 0.2..0.4 in 50 seed 7')).not.toEqual(values)
})
