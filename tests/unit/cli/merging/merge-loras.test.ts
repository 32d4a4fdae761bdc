import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { temporaryFolder } from '../../engine/merge/models'
import { BuiltCli } from '../built-cli'

let cli: BuiltCli
beforeAll(async () => {
  cli = await BuiltCli.build()
}, 120_000)
afterAll(() => cli.remove())

const BASE = 'tests/golden/sd1/pipeline'
const FIRST = 'tests/golden/adapters/sd1-kohya-alphas.safetensors'
const models = ['--base', BASE, '--specialist', `first=${FIRST}@0.5`]
const both = [...models, '--specialist', 'second=tests/golden/lora/sd1-peft.safetensors']

describe('featurefusion merge-loras', () => {
  it('writes the text encoders too, says what it wrote, and open knows it', async () => {
    const out = join(temporaryFolder(), 'fused')
    const options = ['--strengths', 'second=1,0.5', '--block-weights', 'first=IN01:0.2', '--dtype', 'bf16']
    const { code, stdout, stderr } = await cli.run('merge-loras', ...both, ...options, '--out', out)
    expect(code, stderr).toBe(0)
    expect(stdout).toMatch(/fused\.safetensors: \d+ layers, rank \d+ to \d+/)
    const opened = await cli.run('open', `${out}.safetensors`, '--json')
    expect(opened.code, opened.stderr).toBe(0)
    const cut = ['--rank', '2', '--overwrite', '--json']
    const again = await cli.run('merge-loras', ...both, ...cut, '--out', out)
    const { layers } = JSON.parse(again.stdout) as { layers: { component: string; rank: number }[] }
    expect(new Set(layers.map(({ component }) => component))).toEqual(new Set(['unet', 'text_encoder']))
    expect(Math.max(...layers.map(({ rank }) => rank))).toBe(2)
  }, 120_000)

  it.each([
    ['rank and energy', ['--rank', '2', '--energy', '0.5'], 'Give --rank or --energy, not both.'],
    ['a setting of another method', ['--ridge', '1'], 'Sum does not use --ridge here.'],
    ['a density of 2', ['--method', 'core-space', '--density', '2'], 'These options are not valid'],
    ['real inputs for a sum', ['--calibration', FIRST], 'Sum does not use --calibration.'],
    ['a whole model', ['--specialist', `whole=${BASE}/unet`, '--include', 'unet'], 'only adapters'],
    ['a part that no LoRA has', ['--include', 'voice'], 'include'],
  ])(
    'refuses %s',
    async (_, options, message) => {
      const out = join(temporaryFolder(), 'fused.safetensors')
      const { code, stdout, stderr } = await cli.run('merge-loras', ...models, ...options, '--out', out)
      expect(code).not.toBe(0)
      expect(stdout + stderr).toContain(message)
      expect(existsSync(out)).toBe(false)
    },
    60_000,
  )
})
