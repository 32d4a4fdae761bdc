import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { encode } from 'fast-png'
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import { addGenerateCommand } from '../../../src-main/cli/commands/generate'
import { decodePng, readParameters } from '../../../src-main/engine/image/png'
import { family } from '../demo-family'

const folder = mkdtempSync(join(tmpdir(), 'ff-generate-'))
process.env['FEATUREFUSION_CACHE'] = join(folder, 'cache')
afterAll(() => rmSync(folder, { recursive: true }))
afterEach(() => vi.restoreAllMocks())

/** Runs the command in this process: exit code, and what it printed. */
async function generate(...args: string[]): Promise<{ code: number; output: string; errors: string }> {
  const printed = { output: '', errors: '' }
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => ((printed.output += String(text)), true))
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => ((printed.errors += String(text)), true))
  process.exitCode = 0
  const program = new Command()
  addGenerateCommand(program, { clipVocabulary: 'resources/clip/bpe_simple_vocab_16e6.txt.gz' })
  await program.parseAsync(['generate', '--model', family.base.path, '--device', 'cpu', '--steps', '2', ...args], {
    from: 'user',
  })
  const code = Number(process.exitCode)
  process.exitCode = 0
  vi.restoreAllMocks()
  return { code, ...printed }
}

const pixelsOf = (file: string): Uint8Array => decodePng(readFileSync(file)).data

describe('featurefusion generate', () => {
  it('writes every prompt with every seed, and each picture says how it was made', async () => {
    const out = join(folder, 'many')
    const args = ['--prompt', 'a photo, größer', '--prompt', 'cat', '--negative', 'blue', '--seed', '3', '--count', '2']
    const { code, output } = await generate(...args, '--out', out, '--json')
    expect(code).toBe(0)
    const { pictures } = JSON.parse(output) as { pictures: { file: string; settings: Record<string, string> }[] }
    expect(readdirSync(out)).toEqual(['00001-3.png', '00002-4.png', '00003-3.png', '00004-4.png'])
    const parameters = readParameters(readFileSync(join(out, '00002-4.png')))!
    expect(parameters).toMatchObject({ prompt: 'a photo, größer', negativePrompt: 'blue' })
    expect(Object.fromEntries(parameters.settings)).toEqual(pictures[1]!.settings)
    expect(pictures[1]!.settings).toMatchObject({ Steps: '2', Seed: '4', 'CFG scale': '7.5', Model: family.base.name })
    expect(pictures[1]!.settings['Model hash']).toMatch(/^[0-9a-f]{10}$/)
    // The same picture alone, and beside those that are there.
    await generate('--prompt', 'cat', '--negative', 'blue', '--seed', '4', '--out', out)
    expect(pixelsOf(join(out, '00005-4.png'))).toEqual(pixelsOf(join(out, '00004-4.png')))
  })

  it('replaces a picture of its own, and no other', async () => {
    const out = join(folder, 'one.png')
    for (const expected of [0, 0]) expect((await generate('--prompt', 'cat', '--out', out)).code).toBe(expected)
    const photo = encode({ width: 1, height: 1, channels: 3, data: new Uint8Array(3) })
    writeFileSync(out, photo)
    const { code, errors } = await generate('--prompt', 'cat', '--out', out)
    expect([code, errors]).toEqual([1, expect.stringMatching(/not a PNG picture that this program wrote/)])
    expect(new Uint8Array(readFileSync(out))).toEqual(new Uint8Array(photo))
  })

  it('draws and names the largest seeds exactly', async () => {
    const out = join(folder, 'largest')
    const { code } = await generate('--prompt', 'cat', '--seed', '18446744073709551614', '--count', '2', '--out', out)
    expect(code).toBe(0)
    expect(readdirSync(out)).toEqual(['00001-18446744073709551614.png', '00002-18446744073709551615.png'])
    const { settings } = readParameters(readFileSync(join(out, '00002-18446744073709551615.png')))!
    expect(settings.get('Seed')).toBe('18446744073709551615')
    // torch's CPU generator takes the lowest 32 bits.
    await generate('--prompt', 'cat', '--seed', '4294967295', '--out', out)
    const same = pixelsOf(join(out, '00003-4294967295.png'))
    expect(pixelsOf(join(out, '00002-18446744073709551615.png'))).toEqual(same)
  })

  it('starts from a picture, scaled to the size that is asked for', async () => {
    const first = join(folder, 'first.png')
    const second = join(folder, 'second.png')
    await generate('--prompt', 'cat', '--out', first)
    const { code } = await generate(
      '--prompt',
      'dog',
      '--image',
      first,
      '--size',
      '32x64',
      '--strength',
      '0.5',
      '--out',
      second,
    )
    expect(code).toBe(0)
    const { width, height } = decodePng(readFileSync(second))
    expect([width, height]).toEqual([32, 64])
    expect(readParameters(readFileSync(second))!.settings.get('Denoising strength')).toBe('0.5')
  })

  it.each([
    { args: [], code: 2, error: /--prompt TEXT/ },
    { args: ['--prompt', 'x', '--prompt', 'y', '--out', 'one.png'], code: 2, error: /one file; there are 2 pictures/ },
    {
      args: ['--prompt', 'x', '--seed', '18446744073709551615', '--count', '2'],
      code: 2,
      error: /18446744073709551615, 2 pictures go beyond/,
    },
    { args: ['--prompt', 'x', '--strength', '0.5'], code: 2, error: /--image FILE/ },
    { args: ['--prompt', 'x', '--size', '65x64'], code: 1, error: /width is 65; this model makes multiples of \d+/ },
    { args: ['--prompt', 'x', '--scheduler', 'fastest'], code: 1, error: /scheduler fastest is not supported/ },
    { args: ['--prompt', 'x', '--image', 'package.json'], code: 1, error: /package\.json cannot be the picture/ },
    { args: ['--prompt', 'x', '--clip-skip', '99'], code: 1, error: /clip skip is 99/ },
  ])('refuses in words: $error', async ({ args, code, error }) => {
    const result = await generate(...args)
    expect(result.errors).toMatch(error)
    expect(result.code).toBe(code)
  })

  it('ends between two steps when it is interrupted', async () => {
    const out = join(folder, 'cancelled.png')
    const running = generate('--prompt', 'x', '--steps', '900', '--out', out)
    while (process.listenerCount('SIGINT') === 0) await new Promise((resolve) => setTimeout(resolve, 20))
    setTimeout(() => process.emit('SIGINT'), 1500)
    expect((await running).code).toBe(130)
    expect(readdirSync(folder)).not.toContain('cancelled.png')
  })
})
