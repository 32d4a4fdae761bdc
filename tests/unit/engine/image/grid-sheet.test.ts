import { expect, it } from 'vitest'
import { drawGridSheet } from '../../../../src-main/engine/image/grid-sheet'
import type { Picture } from '../../../../src-main/engine/image/resample'

const cell = (value: number, edge = 64): Picture => ({
  ...{ width: edge, height: edge, channels: 3 },
  data: new Uint8Array(edge * edge * 3).fill(value),
})
const count = ({ data }: Picture, value: number): number => data.filter((one) => one === value).length / 3

it('draws every cell at a whole multiple of its size, leaves out what is not drawn, and writes labels', () => {
  const labels = { x: ['food 0', 'food 1'], y: ['seed 1', 'a prompt that is much longer than a row is wide'], z: [''] }
  const sheet = drawGridSheet(labels, [
    [
      [cell(100), null],
      [cell(101), cell(102)],
    ],
  ])
  for (const value of [100, 101, 102]) expect(count(sheet, value)).toBe(128 * 128)
  expect(count(sheet, 32)).toBeGreaterThan(200)
  expect(sheet.width).toBeLessThan(2 * 136 + 24 * 8 + 24)
  expect(sheet.data).toHaveLength(sheet.width * sheet.height * 3)
})

it('puts the tables of a third axis under one another, with their labels', () => {
  const labels = { x: ['a'], y: [''], z: ['soup', 'ties'] }
  const one = drawGridSheet({ ...labels, z: ['soup'] }, [[[cell(100)]]])
  const both = drawGridSheet(labels, [[[cell(100)]], [[cell(101)]]])
  expect(both.height).toBe(2 * one.height)
  expect(count(both, 101)).toBe(count(one, 100))
})

it('makes large pictures smaller, and refuses a grid of which nothing is drawn', () => {
  const labels = {
    x: ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j'],
    y: ['1', '2', '3', '4', '5', '6', '7'],
    z: [''],
  }
  const row = labels.x.map(() => cell(100, 1024))
  const { width, height } = drawGridSheet(labels, [labels.y.map(() => row)])
  expect(width * height).toBeLessThan(70e6)
  expect(() => drawGridSheet({ x: ['a'], y: [''], z: [''] }, [[[null]]])).toThrow(/Nothing/)
})
