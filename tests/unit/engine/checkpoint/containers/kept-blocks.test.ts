import fc from 'fast-check'
import { expect, it } from 'vitest'
import { KeptBlocks } from '../../../../../src-main/engine/checkpoint/containers/kept-blocks'

it('finds what was kept last of a tensor, and never keeps more than its bytes', () => {
  const reads = fc.array(fc.tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 2 })), { maxLength: 60 })
  fc.assert(
    fc.property(reads, fc.integer({ min: 0, max: 400 }), (sequence, most) => {
      const blocks = new KeptBlocks(most)
      const sizeOf = (tensor: number): number => 10 + 7 * tensor
      let last = -1
      for (const [tensor, index] of sequence) {
        const found = blocks.find(String(tensor), index)
        if (found) expect(found[0]).toBe(10 * tensor + index)
        // A block that was just read is there, if it fits at all.
        if (last === 10 * tensor + index && sizeOf(tensor) <= most) expect(found).toBeDefined()
        last = 10 * tensor + index
        if (found) continue
        const memory = blocks.memoryFor(String(tensor), sizeOf(tensor))
        expect(memory.byteLength).toBe(sizeOf(tensor))
        memory[0] = last
        blocks.keep(String(tensor), { index, memory })
        const kept = Array.from({ length: 10 }, (_, one) => one).filter((one) =>
          [0, 1, 2].some((which) => blocks.find(String(one), which)),
        )
        const bytes = kept.reduce((sum, one) => sum + sizeOf(one), 0)
        // One block alone may be larger: it has to lie somewhere.
        expect(bytes <= most || kept.length === 1).toBe(true)
      }
    }),
  )
})

it('keeps nothing of a tensor whose block was never whole', () => {
  const blocks = new KeptBlocks(100)
  blocks.keep('a', { index: 0, memory: blocks.memoryFor('a', 60) })
  blocks.memoryFor('a', 60) // its checksum was wrong
  expect(blocks.find('a', 0)).toBeUndefined()
  blocks.keep('b', { index: 0, memory: blocks.memoryFor('b', 90) })
  expect(blocks.find('b', 0)).toBeDefined()
})
