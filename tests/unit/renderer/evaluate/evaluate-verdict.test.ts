import { describe, expect, it } from 'vitest'
import type { LossSummary, ModelSummary } from '../../../../src-main/contract/evaluate/losses'
import { chartLimit, fullColourChange } from '../../../../src-main/contract/evaluate/outliers'
import { keptText, tableVerdict } from '../../../../src-main/contract/evaluate/table-verdict'

describe('charts', () => {
  it('end before an outlier, and at the largest value where there is none', () => {
    expect(chartLimit([0.1, 0.11, 0.12, 0.13, 1.42])).toBeLessThan(0.2)
    expect(chartLimit([0.1, 0.11, 0.12, 0.13, 0.14])).toBe(0.14)
    expect(chartLimit([0.11, 0.11, 0.11, 1.42])).toBeLessThan(1.42)
    expect(chartLimit([])).toBe(1)
  })

  it('have a full colour that many cells reach, whatever one of them is', () => {
    expect(fullColourChange([-0.1, 0.05, 0.12, -0.08, 0.1, 58])).toBeCloseTo(0.12, 12)
    expect(fullColourChange([0.0001])).toBe(0.02)
    expect(fullColourChange([])).toBe(0.02)
  })
})

it('calls what is kept nothing where a model is worse than the base', () => {
  expect([13.4, 0, -35, -58711].map(keptText)).toEqual(['13\u00a0%', 'nothing', 'nothing', 'nothing'])
})

describe('the verdict of a table', () => {
  const cell = (change: number, isCertain = true): ModelSummary['mean'] => ({
    loss: { value: 1 + change, interval: null },
    difference: {
      value: change,
      interval: isCertain ? { low: change - 0.01, high: change + 0.01 } : { low: -1, high: 1 },
    },
  })
  const model = (name: string, role: ModelSummary['role'], changes: number[], kept: number[] = []): ModelSummary => ({
    name,
    role,
    domains: changes.map((change) => cell(change)),
    mean: cell(0),
    curves: [],
    ownDomain: role === 'specialist' ? 'food' : null,
    gains: role === 'specialist',
    kept: kept.map((value, index) => {
      return { specialist: ['food', 'flat'][index]!, domain: 'food', percent: { value, interval: null } }
    }),
  })
  const summary = (...models: ModelSummary[]): LossSummary => ({
    timesteps: [],
    domains: ['food', 'known'].map((name) => ({ name, pictures: 1 })),
    models: [model('base', 'base', [0, 0]), ...models],
    bootstrap: { resamples: 1, seed: 0, confidence: 0.95 },
  })

  it('says where the merge is better and worse, and what it keeps', () => {
    expect(
      tableVerdict(
        summary(
          model('food', 'specialist', [-0.9, 0.5]),
          model('flat', 'specialist', [-0.9, 0.5]),
          model('this merge', 'merge', [-0.1, 0.2], [20, -4]),
          model('plain average', 'merge', [-0.1, 0.2], [10, 10]),
        ),
      ).replaceAll('\u00a0', ' '),
    ).toBe(
      'Every specialist knows its own domain better than the base. This merge is better than the base in 1 of 2 domains, worse in known (+20 %). It keeps 8 % of what specialists gained, least of flat (nothing); the plain average keeps 10 %.',
    )
  })

  it('has nothing to say of gains that are not there', () => {
    const idle = { ...model('food', 'specialist', [0, 0]), gains: false }
    const same = { ...model('this merge', 'merge', [0, 0]), domains: [cell(0, false), cell(0, false)] }
    expect(tableVerdict(summary(idle, same))).toBe(
      'No specialist knows its own domain measurably better than the base. This merge differs from the base in no domain measurably.',
    )
  })
})
