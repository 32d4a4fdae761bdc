import { expect, it } from 'vitest'
import { ranksOf } from '../../../src-renderer/features/preview/best-of'

const picture = (id: string, prompt: string, score?: number): Parameters<typeof ranksOf>[0][number] => ({
  id,
  settings: {
    ...{ variant: { type: 'base' }, prompt, negativePrompt: '', seed: 0, steps: 1, guidance: 1, scheduler: 'ddim' },
  },
  ...(score !== undefined && { scores: { hps: score } }),
})

it('ranks the pictures of each prompt by a scorer, equal ones alike', () => {
  const ranks = ranksOf(
    [picture('a', 'x', 0.2), picture('b', 'x', 0.3), picture('c', 'x', 0.2), picture('d', 'y', 0.1), picture('e', 'y')],
    'hps',
  )
  expect(Object.fromEntries(ranks)).toEqual({
    a: { score: 0.2, rank: 2, of: 3 },
    b: { score: 0.3, rank: 1, of: 3 },
    c: { score: 0.2, rank: 2, of: 3 },
    d: { score: 0.1, rank: 1, of: 1 },
  })
  expect(ranksOf([picture('a', 'x', 0.2)], 'clip').size).toBe(0)
})
