import { expect, it } from 'vitest'
import { previewSchema } from '../../../src-main/contract/document/project'
import { compareSeeds, parseSeed, seedOf, seedSchema } from '../../../src-main/contract/values/seed'

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
