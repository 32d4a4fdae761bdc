import { describe, expect, it } from 'vitest'
import type { LeaderboardEntry } from '../../../../../src-main/contract/evaluate/losses'
import { METHODS } from '../../../../../src-main/contract/methods/index'
import { methodSchema, projectSchema } from '../../../../../src-main/contract/document/project'
import {
  comparedRows,
  PLAIN_AVERAGE,
  withOwnNames,
} from '../../../../../src-main/engine/evaluate/compare/compare-methods'
import { leaderboardOf, verdictOf } from '../../../../../src-main/engine/evaluate/compare/leaderboard'
import type { MeasuredRow } from '../../../../../src-main/engine/evaluate/evaluation-run'
import { summariseLosses } from '../../../../../src-main/engine/evaluate/losses/loss-summary'

const project = (models: object[], more: object = {}) =>
  projectSchema.parse({ format: 'featurefusion-project', version: 1, models, ...more })
const three = [
  { name: 'base', path: 'b', weight: 3 },
  { name: 'one', path: '1', weight: 0.2, blocks: { M00: 5 }, layers: [{ pattern: '*', weight: 2 }] },
  { name: 'two', path: '2' },
]

describe('the rows of a comparison', () => {
  it('are base, specialists, and every method on them with equal weights, whatever the project weighs', () => {
    const rows = comparedRows(project(three, { output: { layout: 'single-file', path: 'elsewhere' } }))
    expect(rows.slice(0, 3)).toMatchObject([
      { name: 'base', role: 'base', path: 'b', merge: null },
      { name: 'one', role: 'specialist', path: '1' },
      { name: 'two', role: 'specialist', path: '2' },
    ])
    const merges = rows.slice(3)
    expect(new Set(rows.map(({ name }) => name)).size).toBe(rows.length)
    expect(merges[0]).toMatchObject({ name: PLAIN_AVERAGE, role: 'merge' })
    for (const { merge } of merges) {
      // A weighted sum gives the base the rest: it has no weight of its own there.
      const weights = merge!.method.name === 'weighted-sum' ? [1, 0.25, 0.25] : [1, 1, 1]
      expect(merge!.models).toEqual(
        three.map(({ name, path }, index) => ({
          name,
          path,
          weight: weights[index],
          enabled: true,
          blocks: {},
          layers: [],
        })),
      )
      expect(merge!.output).toEqual(project([]).output)
    }
    const methods = new Set(merges.map(({ merge }) => merge!.method.name))
    const takesTwo = ({ least, most }: { least: number; most: number }): boolean => least <= 2 && most >= 2
    const compared = METHODS.filter(
      ({ needs, leaderboard, specialists }) => needs === null && leaderboard.length > 0 && takesTwo(specialists),
    )
    expect(methods).toEqual(new Set(compared.map(({ name }) => name)))
    for (const name of ['soup', 'weighted-sum', 'task-arithmetic', 'ties', 'dare-ties', 'featurefusion'] as const)
      expect(methods).toContain(name)
    // DARE-TIES adds what is left of every specialist: its scale makes that their mean.
    expect(merges.find(({ merge }) => merge!.method.name === 'dare-ties')!.merge!.method.scale).toBe(0.5)
  })

  it('have each scale once where it is searched, beginning with the paper’s, and as published where it is not', () => {
    const namesOf = (scales: string): string[] =>
      comparedRows(project(three, { evaluation: { scales } }))
        .filter(({ merge }) => merge?.method.name === 'task-arithmetic')
        .map(({ name, merge, searchesScale }) => `${name}: ${merge!.method.scale}${searchesScale ? ', searched' : ''}`)
    expect(namesOf('searched')).toEqual(['task arithmetic: 0.3, searched'])
    expect(namesOf('published')).toEqual(['task arithmetic 0.3: 0.3', 'task arithmetic 1.0: 1'])
    const soup = comparedRows(project(three)).find(({ name }) => name === PLAIN_AVERAGE)!
    expect(soup.searchesScale).toBeUndefined()
  })

  it('are of the chosen methods alone where some are, beside the average', () => {
    const methodsOf = (methods: string[]): unknown[] =>
      comparedRows(project(three, { evaluation: { methods } })).flatMap(({ merge }) => merge?.method.name ?? [])
    expect(methodsOf(['iso-c'])).toEqual(['soup', 'iso-c'])
    expect(methodsOf(['soup'])).toEqual(['soup'])
    expect(methodsOf([]).length).toBeGreaterThan(10)
    expect(() => project(three, { evaluation: { methods: ['iso'] } })).toThrow()
  })

  it('are of methods alone that take so many specialists', () => {
    const methodsOf = (models: object[]): unknown[] =>
      comparedRows(project(models)).flatMap(({ merge }) => merge?.method.name ?? [])
    const four = [...three, { name: 'three', path: '3' }]
    expect(methodsOf(three.slice(0, 2))).toEqual(expect.arrayContaining(['slerp', 'cosine', 'ties']))
    for (const name of ['nuslerp', 'model-stock', 'add-perpendicular'])
      expect(methodsOf(three.slice(0, 2))).not.toContain(name)
    expect(methodsOf(three)).toEqual(expect.arrayContaining(['nuslerp', 'model-stock', 'ties']))
    expect(methodsOf(four)).toEqual(expect.arrayContaining(['model-stock', 'ties']))
    for (const name of ['slerp', 'cosine', 'nuslerp']) expect(methodsOf(four)).not.toContain(name)
  })

  it('leave dropped models out, and need one that takes part', () => {
    const dropped = [three[0]!, { ...three[1]!, enabled: false }, three[2]!]
    const rows = comparedRows(project(dropped))
    expect(rows.map(({ name }) => name)).not.toContain('one')
    for (const { merge } of rows) expect(merge?.models.length ?? 2).toBe(2)
    expect(() => comparedRows(project([three[0]!, { ...three[1]!, enabled: false }]))).toThrow(
      /at least one specialist/,
    )
    expect(() => comparedRows(project([]))).toThrow(/at least one specialist/)
  })

  it('have methods on real inputs where there are some, and keep what belongs to the models', () => {
    const layerKinds = [{ pattern: 'x.*', transposedConvolution: true, groups: 1 }]
    const own = { calibration: 'c.safetensors', layerKinds, ridge: 0.5, seed: 7, normaliser: 'paper', threshold: 0.3 }
    const plain = comparedRows(project(three)).map(({ name }) => name)
    const rows = comparedRows(project(three, { method: own }))
    const more = rows.filter(({ name }) => !plain.includes(name))
    expect(more.map(({ merge }) => [merge!.method.name, merge!.method.statistics])).toEqual([
      ['featurefusion', 'calibrated'],
      ['feature-regression', 'exact'],
      ['regmean', 'exact'],
      ['regmean-plus-plus', 'exact'],
      ['drift-corrected', 'exact'],
    ])
    const { ridge, seed, calibration } = methodSchema.parse(own)
    for (const { merge } of rows.slice(3)) expect(merge!.method).toMatchObject({ ridge, seed, calibration, layerKinds })
  })

  it('are of aligned specialists where the project aligns them, but for methods on real inputs', () => {
    const method = { align: true, calibration: 'inputs.safetensors' }
    const merges = comparedRows(project(three, { method })).flatMap(({ merge }) => merge ?? [])
    const aligned = merges.filter(({ method }) => method.align).map(({ method }) => method.name)
    expect(aligned).toContain('soup')
    expect(new Set(merges.map(({ method }) => method.name).filter((name) => !aligned.includes(name)))).toEqual(
      new Set(METHODS.filter(({ needs, specialists: { most } }) => needs !== null && most > 1).map(({ name }) => name)),
    )
  })

  it('are known by their names, also where a model is named like a method', () => {
    const rows = comparedRows(project([three[0]!, { name: PLAIN_AVERAGE, path: '1' }, { name: 'TIES', path: '2' }]))
    expect(new Set(rows.map(({ name }) => name)).size).toBe(rows.length)
    expect(rows[1]).toMatchObject({ name: PLAIN_AVERAGE, role: 'specialist' })
    const row = { name: 'x', role: 'merge' as const, path: null, merge: project([]) }
    expect(withOwnNames([row, row, row]).map(({ name }) => name)).toEqual(['x', 'x (merge)', 'x (merge) (merge)'])
  })
})

const BASE = [
  [1, 2, 3],
  [2, 2.5, 3],
]
const row = (name: string, role: MeasuredRow['role'], factors: readonly number[], seconds: number | null = null) => ({
  name,
  role,
  seconds,
  nearest: null,
  scale: null,
  // Every picture has its own factor, so that a difference has an error.
  losses: BASE.map((own) => own.map((loss, i) => [loss * factors[i]!])),
})
const equal = (factor: number): number[] => [factor, factor, factor]

function board(...rows: MeasuredRow[]): LeaderboardEntry[] {
  const measured = [row('base', 'base', equal(1)), ...rows]
  const pictures = BASE[0]!.map((_, index) => ({ index, picture: { caption: '', split: 'held-out' } }))
  const domains = BASE.map((_, i) => ({ name: `domain ${i}`, pictures }))
  return leaderboardOf(summariseLosses({ timesteps: [1], domains, models: measured }, { resamples: 50 }), measured)
}

describe('the leaderboard', () => {
  it('is in the order of the losses, with differences to base and average, cost, and what is kept', () => {
    const places = board(
      row('specialist', 'specialist', equal(0.5)),
      row('ruined', 'merge', equal(9), 3),
      row(PLAIN_AVERAGE, 'merge', equal(0.75), 0.1),
    )
    expect(places.map(({ name }) => name)).toEqual(['specialist', PLAIN_AVERAGE, 'base', 'ruined'])
    const [specialist, average, base, ruined] = places
    expect(base).toMatchObject({ loss: 2.25, againstBase: null, keptPercent: null, seconds: null })
    expect(base!.againstSoup!.relative).toBeCloseTo(1 / 0.75 - 1, 12)
    expect(average).toMatchObject({ againstSoup: null, seconds: 0.1 })
    expect(average!.againstBase!.relative).toBeCloseTo(-0.25, 12)
    expect(average!.keptPercent).toBeCloseTo(50, 9)
    expect(specialist!.keptPercent).toBeCloseTo(100, 9)
    expect(ruined!.seconds).toBe(3)
  })

  it('says what merges keep, what the base forgets for it, and which merges are on the front', () => {
    const losses = (own: number, others: number): number[][][] =>
      BASE.map((domain, place) => domain.map((loss) => [loss * (place === 0 ? own : others)]))
    const merge = (name: string, own: number, others: number): MeasuredRow => {
      return { ...row(name, 'merge', equal(1)), losses: losses(own, others), scale: 0.5 }
    }
    const specialist: MeasuredRow = { ...row('domain 0', 'specialist', equal(1)), losses: losses(0.5, 1.2) }
    // Of domain 0 the specialist gains a half; domain 1 is nobody's own.
    const places = board(specialist, merge('bold', 0.6, 1.3), merge('careful', 0.8, 1.1), merge('neither', 0.85, 1.4))
    const of = (name: string): LeaderboardEntry => places.find((entry) => entry.name === name)!
    for (const [name, kept, forgets, isOnFront] of [
      ['bold', 80, 30, true],
      ['careful', 40, 10, true],
      ['neither', 30, 40, false],
    ] as const) {
      expect(of(name).keptPercent).toBeCloseTo(kept, 9)
      expect(of(name).forgets!.value).toBeCloseTo(forgets, 9)
      expect(of(name)).toMatchObject({ isOnFront, scale: 0.5 })
    }
    expect(of('base')).toMatchObject({ forgets: null, isOnFront: false })
    expect(of('domain 0').forgets!.value).toBeCloseTo(20, 9)
    expect(verdictOf(places)).toMatch(
      /It keeps 40 % \(40 to 40\) of the specialists' gains; the base's loss in its own domains rises by 10 % \(8 to 12\)\./,
    )
  })

  it('has no difference to an average that was not measured', () => {
    expect(board(row('m', 'merge', equal(2))).map(({ againstSoup }) => againstSoup)).toEqual([null, null])
  })
})

describe('the verdict', () => {
  const verdict = (...rows: MeasuredRow[]): string => verdictOf(board(...rows))
  const average = row(PLAIN_AVERAGE, 'merge', equal(0.9))

  it('says that the average wins where it does', () => {
    const words = verdict(average, row('clever', 'merge', [0.95, 0.96, 0.97]))
    expect(words).toMatch(
      /^Of the merges plain average wins on your models: the loss of the next, clever, differs by \+/,
    )
    expect(words).toMatch(/No other method beats the plain average\./)
    expect(words).toMatch(/It is better than base alone: −10\.00 % ± /)
  })

  it('says that a method wins only where that is more than the choice of pictures', () => {
    expect(verdict(average, row('clever', 'merge', [0.8, 0.81, 0.8]))).toMatch(
      /clever wins on your models: the loss of the next, plain average, differs by \+1\d\./,
    )
    const noise = verdict(average, row('lucky', 'merge', [0.5, 1.2, 0.78]))
    expect(noise).toMatch(/lucky has the least loss, but does not win with certainty/)
    expect(noise).not.toMatch(/beats|wins/)
    expect(noise).toMatch(/It does not differ significantly from base alone/)
  })

  it('says that the base, or a specialist, is better than every merge', () => {
    const worse = verdict(row(PLAIN_AVERAGE, 'merge', equal(1.2)), row('other', 'merge', equal(1.3)))
    expect(worse).toMatch(/base alone is better over all domains: \+20\.00 %/)
    expect(verdict(average, row('one', 'specialist', equal(0.5)))).toMatch(/best of all is a specialist, one\./)
  })

  it('claims nothing before there is a merge', () => {
    expect(verdict()).toBe('No merge is measured yet.')
    expect(verdict(row('m', 'merge', equal(0.5)))).not.toMatch(/plain average/)
  })
})
