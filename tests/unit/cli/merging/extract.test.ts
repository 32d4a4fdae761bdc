import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openAdapter } from '../../../../src-main/engine/adapters/adapter-file'
import { familyFolders } from '../../demo-family'
import { temporaryFolder } from '../../engine/merge/models'
import { BuiltCli } from '../built-cli'

let cli: BuiltCli
beforeAll(async () => {
  cli = await BuiltCli.build()
}, 120_000)
afterAll(() => cli.remove())

const [base, specialist] = familyFolders as [string, string]
const models = ['--base', base, '--specialist', specialist]

describe('featurefusion extract', () => {
  it.each(['kohya', 'peft'])(
    'writes a LoRA as %s, says what is lost, and a merge takes it',
    async (format) => {
      const out = join(temporaryFolder(), 'extracted.safetensors')
      const options = ['--rank', '4', '--conv-rank', '2', '--include', 'unet', '--format', format]
      const extracted = await cli.run('extract', ...models, ...options, '--json', '--out', out)
      expect(extracted.code, extracted.stdout).toBe(0)
      const { layers, relativeError } = JSON.parse(extracted.stdout) as {
        layers: { rank: number; relativeError: number }[]
        relativeError: number
      }
      expect(new Set(layers.map(({ rank }) => rank))).toEqual(new Set([2, 4]))
      expect(relativeError).toBeGreaterThan(0)
      expect(relativeError).toBeLessThan(1)
      expect((await openAdapter(out))!.modules.length).toBe(layers.length)
      const merged = join(temporaryFolder(), 'merged')
      const recipe = ['--base', base, '--specialist', `lora=${out}`, '--method', 'task-arithmetic', '--device', 'cpu']
      const { code, stderr } = await cli.run('merge', ...recipe, '--out', merged)
      expect(code, stderr).toBe(0)
    },
    120_000,
  )

  it('says in words which layers lose most', async () => {
    const out = join(temporaryFolder(), 'extracted.safetensors')
    const { code, stdout } = await cli.run('extract', ...models, '--energy', '0.5', '--out', out)
    expect(code, stdout).toBe(0)
    expect(stdout).toMatch(/layers, rank \d+ to \d+/)
    expect(stdout).toMatch(/Relative error [\d.]+ %/)
  }, 120_000)

  it.each([
    ['neither rank nor energy', [], 'Give either --rank or --energy.'],
    ['both', ['--rank', '2', '--energy', '0.5'], 'Give either --rank or --energy.'],
    ['norms in PEFT’s naming', ['--rank', '2', '--norms', '--format', 'peft'], "PEFT's naming has no form"],
    ['an energy of 2', ['--energy', '2'], 'above 0 and up to 1'],
    ['an unknown part', ['--rank', '2', '--include', 'vae'], 'vae is none of'],
  ])(
    'refuses %s',
    async (_, options, message) => {
      const out = join(temporaryFolder(), 'extracted.safetensors')
      const { code, stdout, stderr } = await cli.run('extract', ...models, ...options, '--out', out)
      expect(code).not.toBe(0)
      expect(stdout + stderr).toContain(message)
      expect(existsSync(out)).toBe(false)
    },
    60_000,
  )

  it('gives a name without an ending .safetensors, and refuses those of PyTorch', async () => {
    const folder = temporaryFolder()
    const named = (name: string) => cli.run('extract', ...models, '--rank', '2', '--out', join(folder, name))
    expect((await named('lora')).code).toBe(0)
    expect(existsSync(join(folder, 'lora.safetensors'))).toBe(true)
    for (const name of ['lora.ckpt', 'lora.pt', 'lora.pth', 'lora.bin']) {
      const { code, stderr } = await named(name)
      expect([code, stderr]).toEqual([1, expect.stringContaining('would not be a PyTorch file')])
      expect(existsSync(join(folder, name))).toBe(false)
    }
  }, 120_000)

  it('refuses a specialist that is the base, in words', async () => {
    const out = join(temporaryFolder(), 'extracted.safetensors')
    const same = ['--base', base, '--specialist', base, '--rank', '2']
    const { code, stderr } = await cli.run('extract', ...same, '--out', out)
    expect(code).toBe(1)
    expect(stderr).toContain('nothing to extract')
    expect(existsSync(out)).toBe(false)
  }, 60_000)
})
