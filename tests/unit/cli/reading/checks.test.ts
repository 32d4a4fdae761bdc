import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { afterAll, afterEach, expect, it, vi } from 'vitest'
import { addDriftCommand } from '../../../../src-main/cli/commands/measuring/drift'
import { addEvaluateCommand } from '../../../../src-main/cli/commands/measuring/evaluate'
import type { Evaluation } from '../../../../src-main/cli/output/evaluate-output'
import type { FeatureDrift } from '../../../../src-main/contract/evaluate/drift'
import { planMerge } from '../../../../src-main/engine/merge/open-model'
import { runMerge } from '../../../../src-main/engine/merge/run'
import { family } from '../../demo-family'
import { projectOf } from '../../engine/merge/models'

const folder = mkdtempSync(join(tmpdir(), 'ff-checks-'))
process.env['FEATUREFUSION_CACHE'] = join(folder, 'cache')
afterAll(() => rmSync(folder, { recursive: true }))
afterEach(() => vi.restoreAllMocks())

const files = { clipVocabulary: 'resources/clip/bpe_simple_vocab_16e6.txt.gz' }
const [first, second] = family.specialists
const data = ['--data', family.evaluation, '--pictures', '1']

/** Runs a command in this process: exit code, and what it printed. */
async function run(...args: string[]): Promise<{ code: number; output: string; errors: string }> {
  const printed = { output: '', errors: '' }
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => ((printed.output += String(text)), true))
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => ((printed.errors += String(text)), true))
  process.exitCode = 0
  const program = new Command()
  addDriftCommand(program, files)
  addEvaluateCommand(program, files)
  await program.parseAsync([...args, '--device', 'cpu'], { from: 'user' })
  const code = Number(process.exitCode)
  process.exitCode = 0
  vi.restoreAllMocks()
  return { code, ...printed }
}

const merged = ['--base', family.base.path, '--specialist', `${first!.name}=${first!.path}`]

it('drift: compares the features of one layer, or says which layers there are', async () => {
  const drift = (layer: string, ...more: string[]) =>
    run('drift', ...merged, ...data, '--domain', first!.name, '--columns', '8', '--layer', layer, ...more)
  const { code, output } = await drift('conv_out.weight', '--json')
  expect(code).toBe(0)
  const { layers, domains } = JSON.parse(output) as FeatureDrift
  expect(domains).toEqual([first!.name])
  expect(layers.map(({ layer }) => layer)).toEqual(['conv_out'])
  expect(layers[0]!.alone).toBeLessThan(1e-3)
  expect(layers[0]!.inside).toBeGreaterThan(layers[0]!.alone!)
  expect((await drift('conv_out')).output).toMatch(/conv_out +0\.\d+ % +\d/)
  const unknown = await drift('attn1.to_q')
  expect(unknown.code).toBe(1)
  expect(unknown.errors).toMatch(/attn1\.to_q\.?.*\n.*attentions/)
}, 60_000)

it('evaluate: finds by their recipes which merge was unlearned, and tells before and after', async () => {
  const merge = async (name: string, enabled: boolean): Promise<string> => {
    const models = [family.base, first!, { ...second!, enabled }]
    const plan = await planMerge(projectOf(models, { name: 'soup' }))
    return (await runMerge(plan, { path: join(folder, name) })).path
  }
  const both = await merge('both', true)
  const rest = await merge('rest', false)
  const table = (...more: string[]) =>
    run('evaluate', '--base', family.base.path, '--model', `both=${both}`, '--model', `rest=${rest}`, ...data, ...more)
  const { unlearned, models, domains } = JSON.parse((await table('--json')).output) as Evaluation
  expect(unlearned).toHaveLength(1)
  const [{ specialist, domain, before, after }] = unlearned as [Evaluation['unlearned'][number]]
  expect([specialist, domain]).toEqual([second!.name, second!.name])
  const place = domains.findIndex(({ name }) => name === domain)
  const lossOf = (name: string): number => models.find((model) => model.name === name)!.domains[place]!.loss.value
  expect([before.value, after.value]).toEqual([lossOf('both'), lossOf('rest')])
  const csv = join(folder, 'table.csv')
  expect((await table('--csv', csv)).output).toContain("Unlearning, on each specialist's own domain")
  const lines = readFileSync(csv, 'utf8').split('\r\n')
  expect(lines.find((line) => line.startsWith(`unlearned-before,${specialist},`))).toContain(`,${before.value},`)
}, 60_000)
