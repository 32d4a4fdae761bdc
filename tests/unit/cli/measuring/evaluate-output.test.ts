import { describe, expect, it } from 'vitest'
import { evaluationAsTables, evaluationInWords, type Evaluation } from '../../../../src-main/cli/output/evaluate-output'
import type { ColouredTable } from '../../../../src-main/engine/image/table-picture'
import { summariseLosses } from '../../../../src-main/engine/evaluate/losses/loss-summary'
import type { ModelLosses } from '../../../../src-main/engine/evaluate/losses/loss-table'

const BASE = [
  [1, 2, 3],
  [2, 2.5, 3],
]
const model = (name: string, role: ModelLosses['role'], factors: readonly number[]): ModelLosses => ({
  name,
  role,
  losses: BASE.map((own, domain) =>
    own.map((loss, i) => [0.5, 1.5].map((part) => part * loss * (factors[domain]! + i * 1e-4))),
  ),
})

const evaluation = (...models: ModelLosses[]): Evaluation => {
  const pictures = BASE[0]!.map((_, index) => ({ index, picture: { caption: '', split: 'held-out' } }))
  const domains = [
    { name: 'food', pictures },
    { name: 'in, and "out"', pictures },
  ]
  const table = { timesteps: [10, 900], domains, models: [model('base', 'base', [1, 1]), ...models] }
  const own = {
    split: 'held-out' as const,
    seed: 0,
    unlearned: [],
    scores: null,
    recognition: null,
    provider: 'cpu',
    seconds: 1,
  }
  return { ...summariseLosses(table, { resamples: 100 }), ...own }
}
const food = model('food', 'specialist', [0.5, 1.2])
const half = model('half', 'merge', [0.75, 0.95])

describe('the table of losses as a picture and in words', () => {
  it('has the base first, changes in per cent, blue where they are better', () => {
    const [{ columns, rows }] = evaluationAsTables(evaluation(half, food)) as [ColouredTable]
    expect(columns).toEqual(['food', 'in, and "out"', 'mean'])
    expect(rows.map(({ name }) => name)).toEqual(['base', 'half', 'food'])
    expect(rows[0]!.cells[0]).toMatchObject({ text: '2.0003', shade: 0 })
    const [better, worse] = rows[2]!.cells
    expect(better!.text).toBe('-50.0')
    expect(better!.shade).toBeLessThan(-1)
    expect(worse!.text).toBe('+20.0')
    expect(worse!.shade).toBeCloseTo(1, 2)
  })

  it('puts in brackets what is not significant, and says where there is no number', () => {
    const noise = model('noise', 'merge', [1, 1])
    noise.losses = BASE.map((own) => own.map((loss, i) => [loss + [0.5, -0.6, 0.2][i]!]))
    const broken = model('broken', 'merge', [NaN, NaN])
    const result = evaluation(noise, broken)
    const [, uncertain, none] = evaluationAsTables(result)[0]!.rows
    expect(uncertain!.cells[0]!.text).toMatch(/^\(.*\)$/)
    expect(none!.cells[0]).toEqual({ text: 'no number', shade: 1 })
    expect(evaluationInWords(result)).toMatch(/no model is significantly better than base alone/)
  })

  it('says what is kept of a gain, and which model is best', () => {
    const words = evaluationInWords(evaluation(food, half))
    expect(words).toMatch(/How much of each specialist's gain a merge keeps/)
    expect(words).toMatch(/half +50 % \[50 … 50\]/)
    expect(words).toMatch(/Over all domains half is best: −13\.\d %/)
  })
})
