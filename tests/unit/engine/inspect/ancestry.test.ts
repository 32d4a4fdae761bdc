import { describe, expect, it } from 'vitest'
import { measureAncestry } from '../../../../src-main/engine/inspect/ancestry'
import { openModel } from '../../../../src-main/engine/merge/open-model'
import { family } from '../../demo-family'

const signal = undefined

describe('how far a model is from its base', () => {
  it('is little for its fine-tunes, with every block of the network', async () => {
    const base = await openModel(family.base.path)
    for (const { path } of family.specialists.slice(0, 2)) {
      const { change, cosine, blocks } = await measureAncestry(base, await openModel(path), signal)
      expect(change).toBeGreaterThan(0.01)
      expect(change).toBeLessThan(0.3)
      expect(cosine).toBeGreaterThan(0.9)
      expect(blocks[0]!.block).toBe('BASE')
      expect(new Set(blocks.map(({ block }) => block)).size).toBe(blocks.length)
    }
  })

  it('is nothing for the base itself', async () => {
    const base = await openModel(family.base.path)
    const { change, cosine } = await measureAncestry(base, base, signal)
    expect(change).toBe(0)
    expect(cosine).toBeCloseTo(1, 12)
  })

  it('is nothing to be told where no layer has the same shape', async () => {
    const base = await openModel(family.base.path)
    const other = { ...base, components: new Map() }
    expect(await measureAncestry(base, other, signal)).toEqual({ change: null, cosine: null, blocks: [] })
  })

  it('ends when it is cancelled', async () => {
    const base = await openModel(family.base.path)
    await expect(measureAncestry(base, base, AbortSignal.abort())).rejects.toThrow('Cancelled.')
  })
})
