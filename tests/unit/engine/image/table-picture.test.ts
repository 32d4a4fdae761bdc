import { describe, expect, it } from 'vitest'
import type { Picture } from '../../../../src-main/engine/image/resample'
import { drawTable, type ColouredTable } from '../../../../src-main/engine/image/table-picture'

const table = (cells: ColouredTable['rows'][number]['cells'], more: Partial<ColouredTable> = {}): Picture =>
  drawTable({ title: ' ', columns: cells.map(() => ' '), rows: [{ name: ' ', cells }], ...more })

/** How many pixels there are of each colour. */
function colours({ data }: Picture): Map<string, number> {
  const found = new Map<string, number>()
  for (let i = 0; i < data.length; i += 3) {
    const colour = data.slice(i, i + 3).join()
    found.set(colour, (found.get(colour) ?? 0) + 1)
  }
  return found
}
/** The colours of cells, from left to right, at half their height. */
function across({ data, width, height }: Picture): string[] {
  const y = height - 16
  const row = Array.from({ length: width }, (_, x) => data.slice((y * width + x) * 3, (y * width + x) * 3 + 3).join())
  return row.filter((colour, x) => colour !== '255,255,255' && colour !== row[x - 1])
}

describe('a table as a picture', () => {
  it('colours cells by their shade: bluer where better, more orange where worse, nothing for none', () => {
    const cells = [-1, -0.5, 0, 0.5, 1].map((shade) => ({ text: ' ', shade }))
    const found = across(table(cells)).map((colour) => colour.split(',').map(Number))
    expect(found).toHaveLength(4)
    const [better, slightly, alittle, worse] = found as [number[], number[], number[], number[]]
    for (const [red, , blue] of [better, slightly]) expect(blue).toBeGreaterThan(red!)
    for (const [red, , blue] of [alittle, worse]) expect(red).toBeGreaterThan(blue!)
    expect(slightly[0]).toBeGreaterThan(better[0]!)
    expect(alittle[2]).toBeGreaterThan(worse[2]!)
  })

  it('has no colour stronger than the full one', () => {
    expect(across(table([{ text: ' ', shade: 70 }]))).toEqual(across(table([{ text: ' ', shade: 1 }])))
  })

  it('is as large as its texts: a longer name, cell, column or title makes it wider, another row higher', () => {
    const cell = [{ text: '+1.0', shade: 0 }]
    const small = table(cell)
    expect(table([{ text: '+1000.0', shade: 0 }]).width).toBeGreaterThan(small.width)
    expect(table(cell, { columns: ['a long domain'] }).width).toBeGreaterThan(small.width)
    expect(table(cell, { title: 'a title that is longer than everything else here' }).width).toBeGreaterThan(
      small.width,
    )
    expect(table(cell, { rows: [{ name: 'a long name', cells: cell }] }).width).toBeGreaterThan(small.width)
    const two = table(cell, { rows: [1, 2].map(() => ({ name: ' ', cells: cell })) })
    expect(two.height).toBeGreaterThan(small.height)
    expect(two.data).toHaveLength(two.width * two.height * 3)
  })

  it('writes every text: title, columns, names and cells leave ink', () => {
    const ink = (more: Partial<ColouredTable>): number =>
      colours(table([{ text: ' ', shade: 0 }], more)).get('32,32,32') ?? 0
    expect(ink({})).toBe(0)
    expect(ink({ title: 'Loss' })).toBeGreaterThan(0)
    expect(ink({ columns: ['food'] })).toBeGreaterThan(0)
    expect(ink({ rows: [{ name: 'base', cells: [{ text: ' ', shade: 0 }] }] })).toBeGreaterThan(0)
    expect(ink({ rows: [{ name: ' ', cells: [{ text: '0.1', shade: 0 }] }] })).toBeGreaterThan(0)
  })
})
