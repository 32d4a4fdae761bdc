import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ModelEntry } from '../../../../src-main/contract/document/project'
import { shareFigure, sharesOfLayers, sharesOfWeights, shareWords } from '../../../../src-renderer/features/tune/shares'

function model(name: string, change: Partial<ModelEntry> = {}): ModelEntry {
  return { name, path: `/${name}`, weight: 1, enabled: true, blocks: {}, layers: [], ...change }
}

const values = (models: ModelEntry[], method: Parameters<typeof sharesOfWeights>[1]): (number | null)[] =>
  sharesOfWeights(models, method).map(({ value }) => value)

describe('shares of weights', () => {
  it('are parts of the sum where the base takes part, and a dropped specialist has none', () => {
    expect(values([model('a'), model('b', { weight: 3 })], 'soup')).toEqual([0.25, 0.75])
    expect(values([model('a'), model('b', { enabled: false }), model('c')], 'featurefusion')).toEqual([0.5, 0, 0.5])
  })

  it('leave the base the rest in a weighted sum', () => {
    expect(values([model('a'), model('b', { weight: 0.6 })], 'weighted-sum')).toEqual([0.4, 0.6])
  })

  it('are the whole base plus changes in task arithmetic, and the first specialist whole in add difference', () => {
    const models = [model('a'), model('b', { weight: 0.6 }), model('c', { weight: 0.3 })]
    expect(sharesOfWeights(models, 'ties').map(shareWords)).toEqual([
      'a 100\u00a0%',
      'b changes at 60\u00a0%',
      'c changes at 30\u00a0%',
    ])
    expect(values(models, 'add-difference')).toEqual([0, 1, 0.3])
  })

  it('are unknown where nothing takes part', () => {
    expect(values([model('a', { weight: 0 }), model('b', { enabled: false })], 'soup')).toEqual([null, null])
  })
})

describe('shares over layers', () => {
  it('count layers by their size and follow weights by block and by layer, the last pattern first', () => {
    const b = model('b', { blocks: { M00: 0 }, layers: [{ pattern: 'attn', weight: 3 }] })
    const layers = [
      { names: ['x.conv'], block: 'IN00', size: 1, contributions: null },
      { names: ['x.conv'], block: 'M00', size: 1, contributions: null },
      { names: ['x.attn.q', 'y.1.attn.q'], block: 'M00', size: 2, contributions: null },
    ]
    // (1/2 · 1 + 0 · 1 + 3/4 · 2) / 4
    expect(sharesOfLayers([model('a'), b], 'featurefusion', layers)[1]!.value).toBeCloseTo(0.5, 12)
  })

  it('sum to one whatever the weights and contributions', () => {
    const positive = fc.double({ min: 0.01, max: 10, noNaN: true })
    fc.assert(
      fc.property(
        fc.array(positive, { minLength: 3, maxLength: 3 }),
        fc.array(positive, { minLength: 3, maxLength: 3 }),
        (w, c) => {
          const models = w.map((weight, index) => model(`m${index}`, { weight }))
          const shares = sharesOfLayers(models, 'featurefusion', [
            { names: ['l'], block: 'M00', size: 5, contributions: c },
          ])
          expect(shares.reduce((sum, { value }) => sum + value!, 0)).toBeCloseTo(1, 9)
        },
      ),
    )
  })
})

it('stands in a column as a figure, and as a mark where a model cannot take part', () => {
  const share = { name: 'a', index: 1, enabled: true, kind: 'share' as const, value: 0.6 }
  const figures = [
    share,
    { ...share, kind: 'changes' as const },
    { ...share, enabled: false },
    { ...share, unfit: true },
  ]
  expect(figures.map(shareFigure)).toEqual(['60\u00a0%', '× 0.600', '–', '!'])
})
