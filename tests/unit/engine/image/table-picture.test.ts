import { describe, expect, it } from 'vitest'
import { drawTable, drawTables } from '../../../../src-main/engine/image/table-picture'

describe('a table as a picture', () => {
  it('has blue cells where it is better, orange ones where it is worse, and no colour without a change', () => {
    const draw = (shade: number) => {
      const { data } = drawTable({ title: 't', columns: ['c'], rows: [{ name: 'r', cells: [{ text: ' ', shade }] }] })
      let [blue, orange] = [0, 0]
      for (let i = 0; i < data.length; i += 3) {
        if (data[i + 2]! > data[i]!) blue++
        if (data[i]! > data[i + 2]!) orange++
      }
      return { blue, orange }
    }
    expect(draw(0)).toEqual({ blue: 0, orange: 0 })
    expect(draw(-0.5)).toMatchObject({ orange: 0 })
    expect(draw(-0.5).blue).toBeGreaterThan(100)
    expect(draw(7)).toMatchObject({ blue: 0 })
    expect(draw(7).orange).toBe(draw(-0.5).blue)
  })

  it('stands above the next one, whatever their widths', () => {
    const table = (title: string) => ({
      title,
      columns: ['c'],
      rows: [{ name: 'r', cells: [{ text: '1', shade: 0 }] }],
    })
    const [narrow, wide] = [table('t'), table('a title that is far longer than the table')]
    const [first, second] = [drawTable(narrow), drawTable(wide)]
    const both = drawTables([narrow, wide])
    expect([both.width, both.height]).toEqual([second.width, first.height + second.height])
    expect(Buffer.compare(both.data.subarray(3 * both.width * first.height), second.data)).toBe(0)
  })
})
