import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { afterEach, expect, it, vi } from 'vitest'
import { addCompareCommand } from '../../../../src-main/cli/commands/measuring/compare'
import { decodePng } from '../../../../src-main/engine/image/png'
import { family } from '../../demo-family'
import { temporaryFolder } from '../../engine/merge/models'

afterEach(() => vi.restoreAllMocks())

/** Runs the command in this process; what it printed is told while it prints. */
async function compare(printed: { output: string; errors: string }, ...args: string[]): Promise<void> {
  process.env['FEATUREFUSION_CACHE'] = join(temporaryFolder(), 'cache')
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => ((printed.output += String(text)), true))
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => ((printed.errors += String(text)), true))
  const program = new Command()
  addCompareCommand(program, {
    clipVocabulary: 'resources/clip/bpe_simple_vocab_16e6.txt.gz',
    workerFile: new URL('file:///none'),
  })
  const models = ['--base', family.base.path, '--specialist', family.specialists[0]!.path]
  const data = ['--data', family.evaluation, '--pictures', '2', '--device', 'cpu']
  await program.parseAsync(['compare', ...models, ...data, ...args], { from: 'user' })
}

it('scores the rows of a comparison, those with the scale that was found, as columns of its leaderboard', async () => {
  const folder = temporaryFolder()
  const printed = { output: '', errors: '' }
  const [csv, png] = [join(folder, 'board.csv'), join(folder, 'board.png')]
  const args = [
    ...['--only', 'task-arithmetic'],
    ...['--clip', 'tests/golden/clip/model', '--prompts', '1', '--seeds', '2', '--steps', '1', '--guidance', '1'],
    ...['--csv', csv, '--png', png],
  ]
  await compare(printed, ...args)
  expect(printed.errors).toBe('')
  const [header, base] = printed.output.split('\n')
  expect(header).toMatch(/made in +CLIP score$/)
  expect(base).toMatch(/\d\.\d\d$/)
  expect(printed.output).toMatch(/CLIP score of drawn pictures, with 95 % intervals over prompts/)
  expect(printed.output).toMatch(/mean: .* (is best|has the highest score)/)
  const lines = readFileSync(csv, 'utf8').trim().split('\r\n')
  expect(lines[0]).toMatch(/,seconds,clip-score,clip-score-low,clip-score-high$/)
  for (const line of lines.slice(1)) expect(line).toMatch(/,\d+\.\d+,\d+\.\d+,\d+\.\d+$/)
  expect(decodePng(readFileSync(png)).height).toBeGreaterThan(100)
}, 60_000)

it('refuses a method that has no row, and says what it needs', async () => {
  const printed = { output: '', errors: '' }
  await compare(printed, '--only', 'regmean')
  expect(printed.errors).toMatch(/^Error: RegMean needs calibration data\./)
  expect(process.exitCode).toBe(2)
  process.exitCode = 0
}, 60_000)
