import { describe, expect, it } from 'vitest'
import { bestInWords, bestMark, estimateText, scoreText } from '../../../../../src-main/contract/evaluate/scores/scores'
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
    expect(bestInWords(summary, 0)).toBe('certain is best, 0.50 (0.50 to 0.50) ahead of worse.')

    const unsure = summariseScores('clip', [worse, certain, noisy])
    expect(unsure.best.map((best) => best!.name)).toEqual(['noisy', 'noisy'])
    expect(bestMark(unsure, noisy, 1)).toBe(' (*)')
    expect(bestInWords(unsure, 1)).toMatch(/^noisy has the highest score, but is not certainly the best: /)
    expect(unsure.best[1]!.lead.interval!.low).toBeLessThan(0)

    const few = ({ scores, ...model }: ModelScores) => ({ ...model, scores: [scores[0]!.slice(0, 5)] })
    const ofFive = summariseScores('clip', [few(worse), few(certain)])
    expect(ofFive.best[0]!.lead).toEqual({ value: 0.5, interval: null })
    expect(bestMark(ofFive, certain, 0)).toBe(' (*)')
    expect(bestInWords(ofFive, 0)).toBe(
      'certain has the highest score, 0.50 ahead of worse, of too few prompts to call it the best.',
    )

    const alone = summariseScores('clip', [certain])
    expect([alone.best, bestInWords(alone, 0)]).toEqual([[null, null], ''])
  })

  it('have no best where several share the highest score, as far as the table shows it', () => {
    const flat = (name: string, value: number) => of(name, 'merge', [Array<number[]>(6).fill([value])])
    const [same, close, less] = [flat('same', 20), flat('close', 20.004), flat('less', 19)]
    const summary = summariseScores('clip', [same, close, less])
    expect(summary.best).toEqual([null, null])
    for (const model of [same, close, less]) expect(bestMark(summary, model, 0)).toBe('')
    expect(bestInWords(summary, 0)).toBe('same and close share the highest score: none is best.')
    expect(summariseScores('image-reward', [same, close, less]).best[0]).toMatchObject({
      name: 'close',
      second: 'same',
    })
    const many = ['a', 'b', 'c', 'd'].map((name) => flat(name, 20))
    expect(bestInWords(summariseScores('clip', many), 1)).toBe('4 models share the highest score: none is best.')
  })
})
