import { describe, expect, it } from 'vitest'
import type { LayerSummary } from '../../../../src-main/contract/inspect'
import { methodSchema, modelSchema } from '../../../../src-main/contract/document/project'
import { measuresOf, strongestConflict } from '../../../../src-main/contract/report/group-measures'
import { factorsOfLayer, survivalWords } from '../../../../src-main/contract/report/merge-factors'
import { shortNames } from '../../../../src-renderer/features/inspect/map/short-names'
import { summarySentence } from '../../../../src-main/contract/report/summary-sentence'

const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, x, i) => sum + x * b[i]!, 0)
const length = (a: readonly number[]): number => Math.sqrt(dot(a, a))

/** A layer whose base and changes are these vectors. */
function rowOf(base: readonly number[], deltas: readonly (readonly number[])[], block = 'IN00'): LayerSummary {
  const cosines = deltas.flatMap((a) =>
    deltas.map((b) => (length(a) * length(b) > 0 ? dot(a, b) / (length(a) * length(b)) : null)),
  )
  const unknown = { minZ: 1, maxKappa: 1, meanKappa: 1, shares: [] }
  return {
    layer: `${block}.weight`,
    component: 'unet',
    block,
    rows: 1,
    inputs: base.length,
    deltaNormRatio: deltas.map((delta) => length(delta) / length(base)),
    baseNorm: length(base),
    deltaCosine: cosines,
    deltaCorrelation: cosines,
    deltaRowSpread: [],
    weightCosine: [],
    meanMaxAbsP: [],
    meanAbsP: [],
    meanOwnP: [],
    ownRowIsBest: [],
    deadBaseRows: 0,
    normalisers: { aligned: unknown, paper: unknown, abs: unknown },
  }
}

describe('measures of layers together', () => {
  const layers = [
    { base: [3, 0, 4], deltas: [[1, 0, 0], [0, 2, 0], [-1, 1, 0]] },
    { base: [0, 12, 5], deltas: [[2, 1, 0], [0, 0, 1], [1, 0, 3]] },
  ] // prettier-ignore
  const rows = layers.map(({ base, deltas }) => rowOf(base, deltas))
  const factors = [0.5, 2, 1]
  const found = measuresOf(rows, [0, 1, 2], () => factors)
  const whole = [0, 1, 2].map((m) => layers.flatMap(({ deltas }) => deltas[m]!))
  const cosine = (a: readonly number[], b: readonly number[]): number => dot(a, b) / (length(a) * length(b))

  it('are those of the layers’ vectors one after the other', () => {
    const base = layers.flatMap((one) => one.base)
    const merged = base.map((_, i) => whole.reduce((sum, delta, m) => sum + factors[m]! * delta[i]!, 0))
    whole.forEach((delta, m) => {
      expect(found.change[m]).toBeCloseTo(length(delta) / length(base), 12)
      expect(found.survives[m]).toBeCloseTo(cosine(merged, delta), 12)
      const others = [0, 1, 2].filter((other) => other !== m).map((other) => cosine(delta, whole[other]!))
      expect(found.conflict[m]!.value).toBeCloseTo(Math.min(...others), 12)
      expect(found.others[m]).toBeCloseTo((others[0]! + others[1]!) / 2, 12)
    })
    expect(strongestConflict(found)!.pair).toEqual([0, 1])
  })

  it('of some of the specialists are as if there were no others', () => {
    const some = measuresOf(rows, [2, 0], () => [1, 0.5])
    expect(some.change).toEqual([found.change[2], found.change[0]])
    expect(some.conflict[0]).toEqual({ value: expect.closeTo(cosine(whole[2]!, whole[0]!), 12), opponent: 1 })
  })

  it('do not say what survives where the merge is no sum, or where changes cancel', () => {
    expect(measuresOf(rows, [0, 1, 2], () => null).survives).toEqual([null, null, null])
    const cancelled = measuresOf([rowOf([1, 1], [[1, 0], [-1, 0]])], [0, 1], () => [1, 1]) // prettier-ignore
    expect(cancelled.survives).toEqual([null, null])
  })
})

describe('what a merge adds of each specialist', () => {
  const models = [
    { name: 'base', path: '/b' },
    { name: 'a', path: '/a', weight: 0.5, blocks: { IN01: 2 } },
    { name: 'b', path: '/c', layers: [{ pattern: 'attn1', weight: 3 }] },
  ].map((model) => modelSchema.parse(model))
  const factors = (name: 'soup' | 'add-difference' | 'ties', block = 'IN00') =>
    factorsOfLayer({ models, method: methodSchema.parse({ name }) }, models.slice(1), ['x.attn1.weight'], block)

  it('is its weight, by block and by layer; a model that is taken whole adds all', () => {
    expect(factors('soup')).toEqual([0.5, 3])
    expect(factors('soup', 'IN01')).toEqual([2, 3])
    expect(factors('add-difference')).toEqual([1, 3])
  })

  it('is not known of methods that select, and that is said', () => {
    expect(factors('ties')).toBeNull()
    expect(survivalWords({ method: methodSchema.parse({ name: 'ties' }) })).toMatch(/^Not computed for TIES/)
    expect(survivalWords({ method: methodSchema.parse({ name: 'soup' }) })).not.toContain('not computed')
  })
})

it('shortens names as far as a block’s layers stay apart', () => {
  expect(
    shortNames([
      'down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight',
      'down_blocks.0.attentions.0.transformer_blocks.0.ff.net.0.proj.weight',
      'down_blocks.0.attentions.0.proj_in.weight',
      'down_blocks.0.resnets.0.conv1.weight',
    ]),
  ).toEqual(['attn2.to_k', 'ff.net.0.proj', 'proj_in', 'conv1'])
  expect(shortNames(['mid_block.resnets.0.conv1.weight', 'mid_block.resnets.1.conv1.weight'])).toEqual([
    'resnets.0.conv1',
    'resnets.1.conv1',
  ])
})

describe('the sentence', () => {
  const quiet = rowOf([10, 0, 0], [[1, 0, 0], [0, 1, 0], [0, 0, 0.1]]) // prettier-ignore
  const at = (block: string, row: LayerSummary) => [block, measuresOf([row], [0, 1, 2], () => [1, 1, 1])] as const
  const sentence = (rows: readonly LayerSummary[]): string => {
    const blocks = new Map(rows.map((row) => at(row.block, row)))
    return summarySentence(
      measuresOf(rows, [0, 1, 2], () => [1, 1, 1]),
      blocks,
      ['flat', 'sketch', 'food'],
    )
  }

  it('names those that move most and where, and what survives least', () => {
    expect(
      sentence([
        quiet,
        rowOf(
          [10, 0, 0],
          [
            [2, 0, 0],
            [0, 2, 0],
            [0, 0, 0.1],
          ],
          'IN05',
        ),
      ]),
    ).toBe(
      // prettier-ignore
      'flat and sketch move most, most of all in IN05 (20\u00a0% of its size); no conflict; least survives of food (cosine 0.04).',
    )
  })

  it('names two that are opposed, and the block', () => {
    const opposed = rowOf([10, 0, 0], [[1, 0, 0], [-1, 1, 0], [0, 0, 0.1]], 'BASE') // prettier-ignore
    expect(sentence([quiet, opposed])).toContain('flat and sketch are opposed in embeddings (correlation −0.71)')
  })
})
