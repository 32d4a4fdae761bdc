import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { decodePng, readParameters } from '../../../src-main/engine/image/png'
import { family } from '../demo-family'
import { BuiltCli } from './built-cli'

const folder = mkdtempSync(join(tmpdir(), 'ff-grid-'))
let cli: BuiltCli
beforeAll(async () => {
  cli = await BuiltCli.build()
}, 120_000)
afterAll(() => {
  cli.remove()
  rmSync(folder, { recursive: true })
})
const [first, second] = family.specialists
const models = ['--base', family.base.path, '--specialist', `food=${first!.path}`, '--specialist', second!.path]

it('draws cells over weights and seeds, and all of them as one labelled picture', async () => {
  const out = join(folder, 'out')
  const axes = ['--x', 'weight:food=0..2 in 2', '--y', 'seed=1-2', '--method', 'soup']
  const drawn = ['--prompt', 'pizza', '--steps', '2', '--device', 'cpu', '--out', out, '--json']
  const { code, stdout } = await cli.run('grid', ...models, ...axes, ...drawn)
  expect(code).toBe(0)
  const { cells, merges, sheet } = JSON.parse(stdout) as {
    cells: { file: string; label: string }[]
    merges: number
    sheet: string
  }
  expect(merges).toBe(2)
  expect(cells.map(({ label }) => label)).toEqual([
    ...['food 0 · seed 1', 'food 2 · seed 1', 'food 0 · seed 2', 'food 2 · seed 2'],
  ])
  expect(readdirSync(out)).toHaveLength(5)
  expect(new Set(cells.map(({ file }) => readFileSync(file).toString('base64'))).size).toBe(4)
  const said = readParameters(readFileSync(cells[3]!.file))!
  expect(said.prompt).toBe('pizza')
  expect(Object.fromEntries(said.settings)).toMatchObject({ Seed: '2', Steps: '2' })
  expect(decodePng(readFileSync(sheet)).width).toBeGreaterThan(2 * 128)
})

it('draws many merges as it draws few, whoever draws them', async () => {
  const cellsOf = async (count: number): Promise<Map<string, string>> => {
    const out = join(folder, `side-by-side-${count}`)
    const axes = ['--x', `weight:food=0..2 in ${count}`, '--method', 'soup', '--picture-seed', '1']
    const drawn = ['--prompt', 'pizza', '--steps', '1', '--device', 'cpu', '--out', out, '--json']
    const { stdout } = await cli.run('grid', ...models, ...axes, ...drawn)
    const { cells } = JSON.parse(stdout) as { cells: { file: string; label: string }[] }
    return new Map(cells.map(({ label, file }) => [label, readFileSync(file).toString('base64')]))
  }
  const many = await cellsOf(9)
  expect(new Set(many.values()).size).toBe(9)
  for (const [label, bytes] of await cellsOf(3)) expect(many.get(label)).toBe(bytes)
})

it('names an axis that it cannot read', async () => {
  for (const [axis, words] of [
    ['colour=red', 'KIND[:OF]=VALUES'],
    ['weight:nobody=1', 'nobody'],
    ['seed=x', '“x”'],
  ] as const) {
    const { code, stderr } = await cli.run('grid', ...models, '--prompt', 'x', '--x', axis, '--out', folder)
    expect(code).not.toBe(0)
    expect(stderr).toContain(words)
  }
})
