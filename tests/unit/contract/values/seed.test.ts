import { expect, it } from 'vitest'
import { previewSchema } from '../../../../src-main/contract/document/project'
import {
  compareSeeds,
  parseSeed,
  parseSeeds,
  seedOf,
  seedSchema,
  seedsInWords,
} from '../../../../src-main/contract/values/seed'

const MOST = '18446744073709551615'

it('a seed is carried exactly, as a number where JSON has it so', () => {
  for (const text of ['0', '42', '9007199254740991', '9007199254740993', '12345678901234567890', MOST]) {
    const seed = seedOf(parseSeed(text)!)
    expect(String(seed)).toBe(text)
    expect(seedSchema.parse(JSON.parse(JSON.stringify(seed)))).toBe(seed)
    // One form for each, whoever wrote it.
    expect(seedSchema.parse(text)).toBe(seed)
  }
  expect(previewSchema.parse({ seeds: [7, MOST] }).seeds).toEqual([7, MOST])
})

it('no other text or number is a seed', () => {
  for (const text of ['', '-1', '1.5', '1e3', '18446744073709551616', 'x']) expect(parseSeed(text)).toBeNull()
  for (const value of [-1, 0.5, 2 ** 53, '18446744073709551616'])
    expect(seedSchema.safeParse(value).success).toBe(false)
  expect(seedSchema.safeParse('-1').error?.message).toContain(MOST)
})

it('seeds are sorted by their values', () => {
  expect(['18446744073709551615', 3, '9007199254740993', 10].sort(compareSeeds)).toEqual([
    3,
    10,
    '9007199254740993',
    MOST,
  ])
})

it.each([
  ['1', [1], '1'],
  ['1, 5-8', [1, 5, 6, 7, 8], '1, 5-8'],
  ['3 2;1, 2', [3, 2, 1], '3, 2, 1'],
  ['7 – 9', [7, 8, 9], '7-9'],
  ['4,5', [4, 5], '4, 5'],
  [`${MOST}, 1`, [MOST, 1], `${MOST}, 1`],
])('reads the seeds %j', (text, seeds, words) => {
  expect(parseSeeds(text, 10)).toEqual({ seeds, problem: null })
  expect(seedsInWords(seeds)).toBe(words)
  expect(parseSeeds(words, 10).seeds).toEqual(seeds)
})

it.each([
  ['1, 2-3, x', '“x”'],
  ['1-2-3', '“1-2-3”'],
  ['-4', '“-4”'],
  ['2.5', '“2.5”'],
  ['9-1', '9-1'],
  ['0-18446744073709551615', 'more seeds than 10'],
  ['1-6, 11-16', '12 seeds'],
  [' ,', 'at least one'],
])('names what is wrong with the seeds %j', (text, named) => {
  const { seeds, problem } = parseSeeds(text, 10)
  expect(seeds).toEqual([])
  expect(problem).toContain(named)
})
