import { describe, expect, it } from 'vitest'
import { calibrated, picturesFor } from '../../../../src-main/engine/calibrate/calibration-request'
import { promptsIn } from '../../../../src-main/engine/evaluate/data/prompt-domains'
import { openCheckpoint } from '../../../../src-main/engine/checkpoint/open'
import { family } from '../../demo-family'

const pictures = (train: number) =>
  Array.from({ length: train + 1 }, (_, i) => ({ caption: `${i}`, split: i === 0 ? 'held-out' : 'train' }))
const data = {
  domains: [
    { name: 'food', pictures: pictures(5) },
    { name: 'travel', pictures: pictures(4) },
    { name: 'nothing to learn from', pictures: pictures(0) },
  ],
}
const seen = (name: string, most?: number) =>
  picturesFor(data, name, most).map((domain) => [domain.name, domain.pictures.map(({ index }) => index)])

describe('what a model learns from', () => {
  it('is the domain of its name, without what is held out', () => {
    expect(seen('food')).toEqual([['food', [1, 2, 3, 4, 5]]])
    expect(seen('food', 2)).toEqual([['food', [1, 2]]])
  })

  it('is every domain where none has its name, in equal parts where there are limits', () => {
    expect(seen('base').map(([name]) => name)).toEqual(['food', 'travel'])
    expect(seen('base', 6)).toEqual([
      ['food', [1, 2, 3]],
      ['travel', [1, 2, 3]],
    ])
    expect(seen('base', 1)).toEqual([['food', [1]]])
    expect(() => seen('nothing to learn from')).toThrow(/train/)
  })

  it('are prompts, if there are any', async () => {
    expect(promptsIn(' a cat \n\n\r\na dog\n')).toEqual(['a cat', 'a dog'])
    const base = await openCheckpoint(family.base.path)
    const request = (prompts: string[]) => calibrated('base', base, { kind: 'prompts', prompts }, { base, seed: 0 })
    expect((await request(['a cat'])).source).toMatchObject({ kind: 'prompts', prompts: ['a cat'] })
    await expect(request([])).rejects.toMatchObject({ kind: 'validation', message: expect.stringContaining('base') })
  })
})
