import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { temporaryFolder } from '../../engine/merge/models'
import { BuiltCli } from '../built-cli'

const LAYOUTS = 'tests/golden/layouts'

let cli: BuiltCli
beforeAll(async () => {
  cli = await BuiltCli.build()
}, 60_000)
afterAll(() => cli.remove())

/** A folder with a model that PyTorch wrote and one of safetensors. */
function models(): { folder: string; pickled: string; plain: string } {
  const folder = temporaryFolder()
  const [pickled, plain] = [join(folder, 'old.ckpt'), join(folder, 'new.safetensors')]
  copyFileSync(join(LAYOUTS, 'sd1-ldm-fp16.ckpt'), pickled)
  copyFileSync(join(LAYOUTS, 'sd1-ldm.safetensors'), plain)
  return { folder, pickled, plain }
}

it('a merge of a .ckpt is a safetensors file, and verify finds its sources', async () => {
  const { folder, pickled, plain } = models()
  const options = ['--base', pickled, '--specialist', plain, '--method', 'soup', '--json']
  const refused = await cli.run('merge', ...options, '--out', join(folder, 'merged.ckpt'))
  expect(refused.code).not.toBe(0)
  const merged = await cli.run('merge', ...options, '--out', join(folder, 'merged'))
  expect(merged).toMatchObject({ code: 0 })
  const { warnings } = JSON.parse(merged.stdout) as { warnings: string[] }
  expect(warnings.join('\n')).toMatch(/old\.ckpt: left aside is .*optimizer_states/)
  const verified = await cli.run('verify', join(folder, 'merged.safetensors'), '--json')
  expect(verified.code).toBe(0)
  const { intact, sources } = JSON.parse(verified.stdout) as { intact: boolean; sources: { foundAt: string | null }[] }
  expect(intact).toBe(true)
  expect(sources.map(({ foundAt }) => foundAt)).toEqual([pickled, plain])
})

it('verify says of a .ckpt that nothing is written in it, not that it is damaged', async () => {
  const { pickled } = models()
  const { code, stdout } = await cli.run('verify', pickled, '--json')
  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({ recipe: null, dataIntact: null, namesIntact: null })
})

it('models are named without the ending of their files', async () => {
  const { folder, pickled, plain } = models()
  const out = join(folder, 'merged.safetensors')
  const { stdout } = await cli.run('merge', '--base', plain, '--specialist', pickled, '--method', 'soup', '--out', out)
  expect(stdout).toMatch(/base 50 %, old 50 %/)
})
