import { describe, expect, it } from 'vitest'
import { methodSchema, thresholdOf } from '../../../../../src-main/contract/document/project'
import { normaliserOf } from '../../../../../src-main/engine/merge/fusion/normalisers'
import { AVERAGED, autoThreshold } from '../../../../../src-main/engine/merge/fusion/threshold'

const live = (): boolean => true

describe('the auto threshold', () => {
  it('is 0.9 for fine-tunes: in every model nine rows of ten are the base’s own', () => {
    const rows = (own: number): Float64Array => Float64Array.from({ length: 20 }, (_, i) => (i < own ? -0.9 : 0.1))
    expect(autoThreshold([rows(18), rows(20)], live, 60, 1000)).toBe(0.9)
    expect(autoThreshold([rows(17), rows(20)], live, 60, 1000)).toBe(0.5)
    // Dead rows do not count.
    expect(autoThreshold([rows(17)], (row) => row !== 19, 60, 1000)).toBe(0.5)
    expect(autoThreshold([rows(18)], (row) => row !== 19, 60, 1000)).toBe(0.9)
  })

  it('else lies above the largest of N·n chance correlations', () => {
    const unrelated = [new Float64Array(10)]
    expect(autoThreshold(unrelated, live, 1280, 36)).toBeCloseTo((Math.sqrt(2 * Math.log(1280)) + 1) / 6, 12)
    expect(autoThreshold(unrelated, live, 1280, 5000)).toBe(0.5)
  })

  it('of rows so short that chance looks like a family is one that no correlation reaches', () => {
    const own = [new Float64Array(8).fill(1)]
    const unrelated = [new Float64Array(8)]
    for (const rows of [own, unrelated]) {
      expect(autoThreshold(rows, live, 16, 4)).toBe(AVERAGED)
      expect(autoThreshold(rows, live, 16, 8)).toBe(AVERAGED)
    }
    // In between, a family needs what chance does not reach.
    const between = autoThreshold(own, live, 1024, 27)
    expect(between).toBeCloseTo((Math.sqrt(2 * Math.log(1024)) + 1) / Math.sqrt(27), 12)
    expect(between).toBeGreaterThan(0.9)
    // The first convolution of Stable Diffusion, with eight models: as for every longer row.
    expect(autoThreshold(own, live, 8 * 320, 36)).toBe(0.9)
  })

  it('is the default, but not of the paper’s normaliser', () => {
    expect(thresholdOf(methodSchema.parse({}))).toBe('auto')
    expect(thresholdOf(methodSchema.parse({ normaliser: 'abs' }))).toBe('auto')
    expect(thresholdOf(methodSchema.parse({ normaliser: 'paper' }))).toBe(0)
    expect(thresholdOf(methodSchema.parse({ normaliser: 'paper', threshold: 'auto' }))).toBe('auto')
  })
})

it('normalisers are the sums of method.md', () => {
  // Rows j with P and S on a base row of length σ_i = 2: sums as the graph gives them, times σ_i or σ_i².
  const rows = [
    { p: 1, s: 1 },
    { p: 0.5, s: 0.25 },
    { p: -0.8, s: -1.5 },
  ]
  const total = (value: (row: { p: number; s: number }) => number): number =>
    rows.reduce((sum, row) => sum + value(row), 0)
  const c = ({ p, s }: { p: number; s: number }): number => Math.abs(p) * s
  const sigma = 2
  const sums = {
    signed: sigma * total(c),
    absolute: sigma * total((row) => Math.abs(c(row))),
    aligned: sigma ** 2 * total((row) => c(row) * row.s),
  }
  expect(normaliserOf('paper', sums, sigma)).toBeCloseTo(total(c), 12)
  expect(normaliserOf('abs', sums, sigma)).toBeCloseTo(
    total((row) => Math.abs(c(row))),
    12,
  )
  expect(normaliserOf('aligned', sums, sigma)).toBeCloseTo(
    total((row) => Math.abs(row.p) * row.s ** 2),
    12,
  )
})
