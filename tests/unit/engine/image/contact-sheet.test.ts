import { describe, expect, it } from 'vitest'
import type { Picture } from '../../../../src-main/engine/image/resample'
import { drawContactSheet } from '../../../../src-main/engine/image/contact-sheet'

const CELL = { width: 40, height: 32 }

const cell = (red: number): Picture => ({
  ...CELL,
  channels: 3,
  data: Uint8Array.from({ length: CELL.width * CELL.height * 3 }, (_, i) => (i % 3 === 0 ? red : 90)),
})

const sheet = (rows: string[], columns: string[]): Picture =>
  drawContactSheet({ rows, columns, cells: rows.map((_, y) => columns.map((_, x) => cell(100 + 10 * y + x))) })

/** Pixels of each colour, by their red part. */
function counts({ data }: Picture): Map<number, number> {
  const found = new Map<number, number>()
  for (let i = 0; i < data.length; i += 3) found.set(data[i]!, (found.get(data[i]!) ?? 0) + 1)
  return found
}

describe('a contact sheet', () => {
  it('shows every picture once, whole', () => {
    const found = counts(sheet(['base', 'food+sketch'], ['red apple', 'cat', 'ñandú']))
    for (const red of [100, 101, 102, 110, 111, 112]) expect(found.get(red)).toBe(CELL.width * CELL.height)
  })

  it('has rows and columns in order', () => {
    const { data, width, height } = sheet(['a', 'b'], ['c', 'd'])
    const redAt = (x: number, y: number): number => data[(y * width + x) * 3]!
    const [right, bottom] = [width - CELL.width, height - CELL.height]
    expect(redAt(right, bottom)).toBe(111)
    expect(redAt(right - CELL.width, bottom)).toBe(110)
    expect(redAt(right, bottom - CELL.height)).toBe(101)
  })

  it('draws its labels: longer ones are wider, accents and unknown letters do not matter', () => {
    const ink = (rows: string[], columns: string[]): number => counts(sheet(rows, columns)).get(32) ?? 0
    expect(ink([' '], [' '])).toBe(0)
    expect(ink(['base'], [' '])).toBeGreaterThan(ink(['b'], [' ']))
    expect(ink(['é'], [' '])).toBe(ink(['E'], [' ']))
    expect(ink(['語'], [' '])).toBeGreaterThan(0)
    expect(sheet(['a long name'], ['x']).width).toBeGreaterThan(sheet(['a'], ['x']).width)
  })
})
