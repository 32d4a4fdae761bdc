import { expect, it } from 'vitest'
import { outputName } from '../../../../src-main/contract/document/names/output-name'

it.each([
  ['merged', 'merged.safetensors'],
  ['a/merged.v2', 'a/merged.v2.safetensors'],
  ['merged.safetensors', 'merged.safetensors'],
  ['merged.SafeTensors', 'merged.SafeTensors'],
  ['merged.sft', 'merged.sft'],
])('a single file %s is written as %s', (path, name) => expect(outputName(path, false)).toBe(name))

it('a folder keeps its name', () => expect(outputName('a/merged', true)).toBe('a/merged'))

it('a folder does not get the name of a file', () => {
  expect(() => outputName('a/merged.safetensors', true)).toThrow(
    expect.objectContaining({ kind: 'target', hint: expect.stringContaining('name the folder a/merged.') }),
  )
})

it.each(['m.ckpt', 'm.pt', 'm.pth', 'm.bin', 'm.CKPT'])('%s promises another format', (path) => {
  expect(() => outputName(path, false)).toThrow(
    expect.objectContaining({ kind: 'target', hint: expect.stringContaining('name it m.safetensors.') }),
  )
  expect(() => outputName(path, true)).toThrow(expect.objectContaining({ kind: 'target' }))
})

it.each(['out/', '/', '.', '..', 'out/.', 'out/..', 'out\\'])('%s is no name of a file', (path) => {
  expect(() => outputName(path, false)).toThrow(expect.objectContaining({ kind: 'target' }))
  expect(outputName(path, true)).toBe(path)
})
