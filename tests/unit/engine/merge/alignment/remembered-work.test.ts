import { describe, expect, it } from 'vitest'
import { RememberedWork } from '../../../../../src-main/engine/merge/alignment/remembered-work'

describe('work that is remembered', () => {
  it('is done once for all who ask for the same', async () => {
    const known = new RememberedWork<number>(2)
    let runs = 0
    const work = (): Promise<number> => Promise.resolve(++runs)
    expect(await Promise.all([known.result('a', work), known.result('a', work)])).toEqual([1, 1])
    expect(await known.result('a', work)).toBe(1)
  })

  it('is done again for the one who waits where the one who began it cancels', async () => {
    const known = new RememberedWork<string>(2)
    let cancel = (): void => {}
    const first = known.result('a', () => new Promise((_, reject) => (cancel = () => reject(new Error('cancelled')))))
    const second = known.result('a', () => Promise.resolve('done'))
    cancel()
    await expect(first).rejects.toThrow('cancelled')
    expect(await second).toBe('done')
    expect(await known.result('a', () => Promise.reject(new Error('not asked')))).toBe('done')
  })

  it('is forgotten where it fails, and where there is newer work', async () => {
    const known = new RememberedWork<number>(1)
    await expect(known.result('a', () => Promise.reject(new Error('failed')))).rejects.toThrow('failed')
    expect(await known.result('a', () => Promise.resolve(1))).toBe(1)
    expect(await known.result('b', () => Promise.resolve(2))).toBe(2)
    expect(await known.result('a', () => Promise.resolve(3))).toBe(3)
  })
})
