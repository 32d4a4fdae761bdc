import { expect, it } from 'vitest'
import { scoreReportSchema } from '../../../src-main/contract/evaluate/scores/scores'
import { scoresSection } from '../../../src-main/contract/report/scores-section'

it('has a table of each scorer in the report, the best of every column marked', () => {
  const estimate = (value: number) => ({ value, interval: { low: value - 1, high: value + 1 } })
  const own = { score: estimate(20), difference: null }
  const other = { score: estimate(22.5), difference: estimate(2.5) }
  const best = { name: 'this merge', second: 'base', lead: estimate(2.5) }
  const report = scoreReportSchema.parse({
    ...{ job: 'j', time: 0, key: '', folder: '/data', split: 'all', rows: [], done: true },
    settings: { seeds: 2, steps: 20 },
    domains: [{ name: 'food', prompts: 8 }],
    scores: [
      {
        scorer: 'pick-score',
        models: [
          { name: 'this merge', role: 'merge', domains: [other], mean: other },
          { name: 'base', role: 'base', domains: [own], mean: own },
        ],
        best: [null, best],
      },
    ],
  })
  const { paragraphs, tables } = scoresSection(report)
  expect(paragraphs[1]).toBe('PickScore, over all domains: this merge is best, 2.50 (1.50 to 3.50) ahead of base.')
  const [{ caption, columns, rows, scales }] = tables as [(typeof tables)[0]]
  expect([caption, columns]).toEqual(['PickScore', ['food', 'mean']])
  expect(rows.map(({ name, cells }) => [name, ...cells.map(({ text }) => text)])).toEqual([
    ['base', '20.00', '20.00'],
    ['this merge', '22.50', '22.50 *'],
  ])
  expect(rows[1]!.cells[0]).toMatchObject({ value: -2.5, title: 'this merge on food: 22.50 (21.50 to 23.50)' })
  expect(scales!.light.high).toBe(2.5)
})
