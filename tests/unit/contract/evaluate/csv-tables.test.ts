import { describe, expect, it } from 'vitest'
import { csvTable } from '../../../../src-main/contract/values/csv'
import {
  driftAsCsv,
  evaluationAsCsv,
  leaderboardAsCsv,
  type EvaluationFigures,
} from '../../../../src-main/contract/evaluate/csv-tables'
import type { ScoreSummary } from '../../../../src-main/contract/evaluate/scores/scores'
import type { Estimate, LossCell, ModelRole, UnlearnedGain } from '../../../../src-main/contract/evaluate/losses'

const estimate = (value: number, spread?: number): Estimate => {
  return { value, interval: spread === undefined ? null : { low: value - spread, high: value + spread } }
}
const model = (name: string, role: ModelRole, losses: readonly number[]): EvaluationFigures['models'][number] => {
  const cell = (value: number): LossCell => {
    return { loss: estimate(value, 0.1), difference: role === 'base' ? null : estimate(value - 2, 0.1) }
  }
  return {
    name,
    role,
    domains: losses.map(cell),
    mean: cell(losses.reduce((sum, loss) => sum + loss, 0) / losses.length),
    curves: losses.map((loss) => [loss * 0.5, loss * 1.5]),
    ownDomain: role === 'specialist' ? name : null,
    gains: role === 'specialist',
    kept: role === 'base' ? [] : [{ specialist: 'food', domain: 'food', percent: estimate(50, 5) }],
  }
}
const evaluation: EvaluationFigures = {
  timesteps: [10, 900],
  domains: [
    { name: 'food', pictures: 3 },
    { name: 'in, and "out"', pictures: 4 },
  ],
  models: [model('base', 'base', [2, 2.5]), model('food', 'specialist', [1, 3]), model('half', 'merge', [1.5, 2.4])],
  unlearned: [],
  scores: null,
  recognition: null,
}

/** Cells of a CSV text, quotes undone (RFC 4180). */
function cellsOf(csv: string): string[][] {
  expect(csv.endsWith('\r\n')).toBe(true)
  return csv
    .slice(0, -2)
    .split('\r\n')
    .map((line) =>
      [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^",]*))/g)].map((m) => m[1]?.replaceAll('""', '"') ?? m[2]!),
    )
}

describe('the table of losses as CSV', () => {
  const [header, ...lines] = cellsOf(evaluationAsCsv(evaluation))
  const of = (measure: string, name: string, domain: string): string[] =>
    lines.find((line) => line[0] === measure && line[1] === name && line[3] === domain)!

  it('has one line for every figure, and as many cells in each', () => {
    expect(header).toEqual([
      'measure',
      'model',
      'role',
      'domain',
      'timestep',
      'specialist',
      'pictures',
      'value',
      'low',
      'high',
    ])
    expect(new Set(lines.map(({ length }) => length))).toEqual(new Set([header!.length]))
    const count = (measure: string): number => lines.filter(([own]) => own === measure).length
    expect(count('loss')).toBe(3 * 3)
    expect(count('difference')).toBe(2 * 3)
    expect(count('loss-at-timestep')).toBe(3 * 2 * 2)
    expect(count('kept-percent')).toBe(2)
  })

  it('has the figures, whole', () => {
    expect(of('loss', 'base', 'food').slice(6)).toEqual(['3', '2', '1.9', '2.1'])
    expect(of('difference', 'food', 'food').slice(6)).toEqual(['3', '-1', '-1.1', '-0.9'])
    expect(of('kept-percent', 'half', 'food').slice(5)).toEqual(['food', '', '50', '45', '55'])
    expect(of('loss', 'half', 'mean').slice(6, 8)).toEqual(['7', '1.95'])
    expect(lines.filter(([measure, name]) => measure === 'loss-at-timestep' && name === 'half')[1]!.slice(4)).toEqual([
      '900',
      '',
      '',
      '2.25',
      '',
      '',
    ])
  })

  it('keeps names with commas and quotes in one cell', () => {
    expect(of('loss', 'base', 'in, and "out"')).toHaveLength(10)
  })
})

it('has unlearning and scores in the CSV, where they were measured', () => {
  const nothing = { timesteps: [], domains: [], models: [], unlearned: [], scores: null, recognition: null }
  const header = 'measure,model,role,domain,timestep,specialist,pictures,value,low,high\r\n'
  expect(evaluationAsCsv(nothing)).toBe(header)
  const unlearned: UnlearnedGain = {
    specialist: 'a "b"',
    domain: 'food',
    before: estimate(1),
    after: estimate(2),
    difference: { value: 1, interval: { low: 0.5, high: 1.5 } },
    kept: null,
  }
  const scored = { score: estimate(24.312, 1), difference: estimate(-1.5, 0.5) }
  const summary: ScoreSummary = {
    scorer: 'clip',
    models: [{ name: 'base', role: 'base', domains: [{ ...scored, difference: null }], mean: scored }],
    best: [{ name: 'base', second: 'other', lead: estimate(0.5, 0.25) }, null],
  }
  const scores = { domains: [{ name: 'food' }], scores: [summary, { ...summary, scorer: 'hps' as const }] }
  const lines = evaluationAsCsv({ ...nothing, unlearned: [unlearned], scores }).split('\r\n')
  expect(lines).toContain('unlearned-difference,"a ""b""",specialist,food,,,,1,0.5,1.5')
  expect(lines.filter((line) => line.startsWith('clip-score,base,base,'))).toEqual([
    'clip-score,base,base,food,,,,24.312,23.312,25.312',
    'clip-score,base,base,mean,,,,24.312,23.312,25.312',
  ])
  expect(lines.find((line) => line.startsWith('clip-difference'))).toBe('clip-difference,base,base,mean,,,,-1.5,-2,-1')
  expect(lines.filter((line) => line.startsWith('hps'))).toEqual([
    'hps,base,base,food,,,,24.312,23.312,25.312',
    'hps,base,base,mean,,,,24.312,23.312,25.312',
    'hps-difference,base,base,mean,,,,-1.5,-2,-1',
    'hps-lead,base,base,food,,,,0.5,0.25,0.75',
  ])
})

it('writes drifts as CSV', () => {
  const layers = [{ layer: 'a', block: 'IN00', alone: 0.1, inside: null }]
  expect(driftAsCsv({ domains: [], pictures: 1, samples: 1, layers })).toBe(
    'block,layer,alone,inside\r\nIN00,a,0.1,\r\n',
  )
})

it('leaves a cell empty where there is no figure, but not where it is 0', () => {
  const columns = { name: (row: { name: string }) => row.name, figure: (row: { figure?: number | null }) => row.figure }
  expect(csvTable(columns, [{ name: 'a', figure: 0 }, { name: 'b', figure: null }, { name: 'c' }])).toBe(
    'name,figure\r\na,0\r\nb,\r\nc,\r\n',
  )
})

describe('the leaderboard as CSV', () => {
  it('has empty cells for what there is not, and names in one cell', () => {
    const paired = { mean: -0.5, standardError: 0.1, relative: -0.2 }
    const entry = {
      name: 'a, "b"',
      role: 'merge' as const,
      loss: 0.25,
      againstBase: paired,
      againstSoup: null,
      keptPercent: null,
      keptInterval: null,
      forgets: { value: 12.5, interval: { low: 10, high: 15 } },
      againstBest: null,
      isOnFront: true,
      scale: 0.4,
      seconds: 1.5,
    }
    const [header, line, ...others] = cellsOf(leaderboardAsCsv([entry]))
    expect(others).toEqual([])
    expect(line).toHaveLength(header!.length)
    expect(Object.fromEntries(header!.map((name, i) => [name, line![i]]))).toEqual({
      name: 'a, "b"',
      role: 'merge',
      loss: '0.25',
      'base-difference': '-0.5',
      'base-error': '0.1',
      'average-difference': '',
      'average-error': '',
      'kept-percent': '',
      'kept-low': '',
      'kept-high': '',
      'forgets-percent': '12.5',
      'forgets-low': '10',
      'forgets-high': '15',
      front: '1',
      scale: '0.4',
      seconds: '1.5',
    })
  })
})
