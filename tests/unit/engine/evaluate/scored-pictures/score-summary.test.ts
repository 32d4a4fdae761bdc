import { describe, expect, it } from 'vitest'
import { bestInWords, bestMark, estimateText, scoreText } from '../../../../../src-main/contract/evaluate/scores'
import {
  summariseScores,
  type ModelScores,
} from '../../../../../src-main/engine/evaluate/scored-pictures/score-summary'

const of = (name: string, role: ModelScores['role'], scores: number[][][]): ModelScores => ({ name, role, scores })

it('tells scores with the digits that a scorer is worth, and their intervals', () => {
  expect(scoreText('hps', 0.28444)).toBe('0.2844')
  expect(estimateText('clip', { value: -24.312, interval: { low: -25, high: 1.5 } })).toBe('−24.31 (−25.00 to 1.50)')
  expect(estimateText('image-reward', { value: 0.5, interval: null })).toBe('0.500')
})

describe('scores of models in a table', () => {
  const base = of('base', 'base', [
    [[10, 20]],
    [
      [10, 12],
      [20, 22],
    ],
  ])
  const other = of('other', 'merge', [
    [[11, 21]],
    [
      [10, 14],
      [22, 26],
    ],
  ])

  it('count every prompt and every domain once, and have differences to the base', () => {
    const [first, second] = summariseScores('clip', [base, other]).models
    expect(first!.domains.map(({ score }) => score.value)).toEqual([15, 16])
    expect(first!.mean).toMatchObject({ score: { value: 15.5 }, difference: null })
    expect(second!.domains.map(({ difference }) => difference!.value)).toEqual([1, 2])
    expect(second!.mean.difference!.value).toBeCloseTo(1.5, 12)
  })

  it('have intervals over prompts, over seeds where there is one prompt, and none for a single picture', () => {
    const [first] = summariseScores('clip', [base]).models
    expect(first!.domains[0]!.score.interval).toEqual({ low: 10, high: 20 })
    // Means of prompts: of single pictures it would be 10 to 22.
    expect(first!.domains[1]!.score.interval).toEqual({ low: 11, high: 21 })
    const [single] = summariseScores('clip', [of('one', 'merge', [[[30]], [[10, 20]]])]).models
    expect(single!.domains[0]!.score).toEqual({ value: 30, interval: null })
    expect(single!.mean.score).toEqual({ value: 22.5, interval: null })
  })

  it('say who is best in every column, and whether that is certain', () => {
    const prompts = (values: number[]) => [values.map((value) => [value])]
    const noisy = of('noisy', 'merge', prompts([1, 9, 2, 8, 3, 7]))
    const certain = of('certain', 'merge', prompts([3, 4, 3, 4, 3, 4]))
    const worse = of('worse', 'specialist', prompts([2.5, 3.5, 2.5, 3.5, 2.5, 3.5]))
    const summary = summariseScores('clip', [worse, certain])
    expect(summary.best[0]).toMatchObject({ name: 'certain', second: 'worse', lead: { value: 0.5 } })
    expect(bestMark(summary, certain, 0)).toBe(' *')
    expect(bestMark(summary, worse, 0)).toBe('')
    expect(bestInWords('clip', summary.best[0]!)).toBe('certain is best, 0.50 (0.50 to 0.50) ahead of worse.')

    const unsure = summariseScores('clip', [worse, certain, noisy])
    expect(unsure.best.map((best) => best!.name)).toEqual(['noisy', 'noisy'])
    expect(bestMark(unsure, noisy, 1)).toBe(' (*)')
    expect(bestInWords('clip', unsure.best[1]!)).toMatch(
      /^noisy has the highest score, but is not certainly the best: /,
    )
    expect(unsure.best[1]!.lead.interval!.low).toBeLessThan(0)

    const few = ({ scores, ...model }: ModelScores) => ({ ...model, scores: [scores[0]!.slice(0, 5)] })
    const ofFive = summariseScores('clip', [few(worse), few(certain)])
    expect(ofFive.best[0]!.lead).toEqual({ value: 0.5, interval: null })
    expect(bestMark(ofFive, certain, 0)).toBe(' (*)')
    expect(bestInWords('clip', ofFive.best[0]!)).toBe(
      'certain has the highest score, 0.50 ahead of worse, of too few prompts to call it the best.',
    )

    const equal = summariseScores('clip', [certain, { ...certain, name: 'same' }])
    expect(bestMark(equal, certain, 0)).toBe(' (*)')
    expect(summariseScores('clip', [certain]).best).toEqual([null, null])
  })
})
