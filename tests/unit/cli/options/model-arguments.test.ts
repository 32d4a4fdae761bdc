import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { parseModelArgument, withNames } from '../../../../src-main/cli/options/model-arguments'

const folder = mkdtempSync(join(tmpdir(), 'arguments-'))
const at = (name: string): string => join(folder, name)

beforeAll(() => {
  for (const name of ['epoch=10-step=1000.safetensors', 'plain.safetensors', 'a@0.5']) writeFileSync(at(name), '')
  mkdirSync(at('model@2'))
  mkdirSync(at('a=b'))
})
afterAll(() => rmSync(folder, { recursive: true }))

it.each([
  ['{}/plain.safetensors', { path: 'plain.safetensors' }],
  ['{}/epoch=10-step=1000.safetensors', { path: 'epoch=10-step=1000.safetensors' }],
  ['{}/epoch=10-step=1000.safetensors@0.5', { path: 'epoch=10-step=1000.safetensors', weight: 0.5 }],
  ['x={}/epoch=10-step=1000.safetensors@2', { name: 'x', path: 'epoch=10-step=1000.safetensors', weight: 2 }],
  ['{}/model@2', { path: 'model@2' }],
  ['{}/model@2@3', { path: 'model@2', weight: 3 }],
  ['x={}/model@2', { name: 'x', path: 'model@2' }],
  ['{}/a@0.5', { path: 'a@0.5' }],
  ['{}/a=b', { path: 'a=b' }],
  ['{}/plain.safetensors@.5', { path: 'plain.safetensors', weight: 0.5 }],
  ['{}/plain.safetensors@1e-1', { path: 'plain.safetensors', weight: 0.1 }],
  ['{}/plain.safetensors@-0.2', { path: 'plain.safetensors', weight: -0.2 }],
  ['{}/plain.safetensors@+1.', { path: 'plain.safetensors', weight: 1 }],
  // Nothing is there: what opening it says is about the path without name and weight.
  ['x={}/none@0.5', { name: 'x', path: 'none', weight: 0.5 }],
  ['{}/user@host', { path: 'user@host' }],
])('%s', (text, { path, ...expected }) => {
  expect(parseModelArgument(text.replace('{}', folder))).toEqual({ ...expected, path: at(path) })
})

it('a path relative to the working folder may begin with what looks like a name', () => {
  const before = process.cwd()
  process.chdir(folder)
  try {
    expect(parseModelArgument('epoch=10-step=1000.safetensors@0.5')).toEqual({
      path: join(process.cwd(), 'epoch=10-step=1000.safetensors'),
      weight: 0.5,
    })
  } finally {
    process.chdir(before)
  }
})

it.each(['', 'half', 'Infinity', '0,5'])('a weight %j is refused', (weight) => {
  expect(() => parseModelArgument(`${at('plain.safetensors')}@${weight}`)).toThrow(/is not a weight/)
})

it('a name that was given twice is refused, others are told apart', () => {
  const [x, y] = [at('x/unet'), at('y/unet')]
  expect(() =>
    withNames([
      { name: 'a', path: x },
      { name: 'a', path: y },
    ]),
  ).toThrow(/Two models are named a/)
  expect(withNames([{ name: 'base', path: at('b') }, { path: x }, { path: y }]).map(({ name }) => name)).toEqual([
    'base',
    'x',
    'y',
  ])
})
