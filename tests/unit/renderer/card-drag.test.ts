import { expect, it } from 'vitest'
import { placeAfterDrop } from '../../../src-renderer/features/models/use-card-drag'

const moved = (from: number, index: number, side: 'before' | 'after'): string => {
  const models = [...'Babcd']
  const [one] = models.splice(from, 1)
  models.splice(placeAfterDrop(from, { index, side }), 0, one!)
  return models.join('')
}

it('puts a dragged card beside the one it is dropped on', () => {
  expect(moved(1, 3, 'after')).toBe('Bbcad')
  expect(moved(1, 3, 'before')).toBe('Bbacd')
  expect(moved(4, 2, 'before')).toBe('Badbc')
  expect(moved(4, 2, 'after')).toBe('Babdc')
})

it('leaves it where it is beside itself, and never before the base', () => {
  for (const side of ['before', 'after'] as const) {
    expect(moved(2, 2, side)).toBe('Babcd')
    expect(moved(3, 0, side)).toBe('Bcabd')
  }
})
