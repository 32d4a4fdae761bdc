import type { ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { SearchReport } from '../../../../src-main/contract/evaluate/search/search'
import { projectSchema } from '../../../../src-main/contract/document/project'
import type { Trial } from '../../../../src-main/engine/evaluate/search/weight-trials'
import { copyEvaluation, family } from '../../demo-family'
import { temporaryFolder } from '../../engine/merge/models'
import { BuiltCli } from '../built-cli'

let cli: BuiltCli
beforeAll(async () => {
  cli = await BuiltCli.build()
}, 120_000)
afterAll(() => cli.remove())

const [first, second] = family.specialists
const models = [
  ...['--base', family.base.path],
  ...[first!, second!].flatMap(({ name, path }) => ['--specialist', `${name}=${path}@0.7`]),
]
const short = ['--pictures', '2', '--device', 'cpu', '--json']
// The evaluation set beside the base is found by itself; measuring on a part of it takes less time.
const found = [...models, ...short]
const part = (): string[] => ['--data', copyEvaluation(temporaryFolder(), [first!.name, second!.name])]
const common = (): string[] => [...found, ...part()]

interface Found extends Pick<SearchReport, 'best' | 'check' | 'pictures' | 'base' | 'soup'> {
  history: Trial[]
  stopped: boolean
  project: string | null
}

const projectAt = (path: string) => projectSchema.parse(JSON.parse(readFileSync(path, 'utf8')))

const linesOf = (file: string): number => (existsSync(file) ? readFileSync(file, 'utf8').split('\n').length - 1 : 0)

/** Once it has said what the first trial is worth. */
const firstTrial = ({ stderr }: ChildProcess): Promise<void> =>
  new Promise((resolve) =>
    stderr!.on('data', (text: Buffer) => {
      if (text.toString().includes('best so far')) resolve()
    }),
  )

describe('featurefusion search', () => {
  it('finds weights, says what they are worth, and writes them as a project that merge takes', async () => {
    const out = join(temporaryFolder(), 'deep', 'found.fusion.json')
    const ended = await cli.run('search', ...common(), '--trials', '3', '--group-by', 'stages', '--out', out)
    expect(ended.stderr).not.toMatch(/^Error/m)
    const { best, check, pictures, base, soup, history, stopped, project } = JSON.parse(ended.stdout) as Found
    expect(pictures!.search).toBe(pictures!.check)
    expect(history).toHaveLength(3)
    expect(best!.score).toBe(Math.min(...history.map(({ score }) => score)))
    expect(stopped).toBe(false)
    expect(check!.againstSoup.mean).toBeCloseTo(check!.best - soup!.check, 9)
    expect(check!.againstBase.mean).toBeCloseTo(check!.best - base!.check, 9)
    expect(project).toBe(out)
    const written = projectAt(out)
    expect(written.models.map(({ name, blocks }) => ({ name, blocks }))).toEqual(
      best!.models.map(({ name, blocks }) => ({ name, blocks })),
    )
    expect(new Set(Object.values(written.models[0]!.blocks)).size).toBe(4)
    expect(Object.keys(written.models[0]!.blocks).length).toBeGreaterThan(4)
    expect(written.evaluation).toMatchObject({ pictures: 2, split: 'held-out' })
    const merged = await cli.run('merge', out, '--dry-run', '--json')
    expect(merged.code).toBe(0)
  }, 120_000)

  it('searches gains of the blocks of a merge, and writes them into its project', async () => {
    const folder = temporaryFolder()
    const [inner, out] = [join(folder, 'merge.fusion.json'), join(folder, 'gains.fusion.json')]
    const made = await cli.run('search', ...common(), '--strategy', 'greedy-once', '--out', inner)
    expect(made.code).toBe(0)
    const ended = await cli.run(
      'search',
      inner,
      ...short,
      ...part(),
      '--trials',
      '3',
      '--space',
      'gains',
      '--group-by',
      'stages',
      '--out',
      out,
    )
    expect(ended.stderr).not.toMatch(/^Error/m)
    const { best, history, check } = JSON.parse(ended.stdout) as Found
    expect(history[0]!.weights).toEqual([1, 1, 1])
    expect(check!.againstSoup.mean).toBeDefined()
    const { method, models: written } = projectAt(out)
    const { method: given, models } = projectAt(inner)
    expect(method).toEqual({ ...given, gains: best!.models[1]!.layers })
    expect(written).toEqual(models)
    expect(new Set(method.gains.map(({ weight }) => weight)).size).toBeLessThanOrEqual(3)
    const merged = await cli.run('merge', out, '--dry-run', '--json')
    expect(merged.code).toBe(0)
    const wrong = await cli.run('search', ...common(), '--space', 'gains')
    expect(wrong.stderr).toContain('--space gains')
    expect(wrong.code).toBe(2)
  }, 120_000)

  it('writes a greedy soup as a plain average', async () => {
    const out = join(temporaryFolder(), 'soup.fusion.json')
    const ended = await cli.run('search', ...common(), '--strategy', 'greedy-repeated', '--out', out)
    expect(ended.code).toBe(0)
    const { best } = JSON.parse(ended.stdout) as Found
    const written = projectAt(out)
    expect(written.method.name).toBe('soup')
    expect(written.models.map(({ weight }) => weight)).toEqual(best!.models.map(({ weight }) => weight))
    expect(written.models.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(1, 12)
  }, 120_000)

  it('ends with the best so far when it is interrupted', async () => {
    const out = join(temporaryFolder(), 'found.fusion.json')
    const { process: child, ended } = cli.start('search', ...found, '--trials', '10000', '--out', out)
    await firstTrial(child)
    child.kill('SIGINT')
    const { code, stdout } = await ended
    expect(code).toBe(0)
    const { best, check, history, stopped } = JSON.parse(stdout) as Found
    expect({ check, stopped }).toEqual({ check: null, stopped: true })
    expect(best!.score).toBe(Math.min(...history.map(({ score }) => score)))
    expect(projectAt(out).models.map(({ weight }) => weight)).toEqual(best!.models.map(({ weight }) => weight))
  }, 120_000)

  it('is cancelled where a share is stopped: it prints no result and writes none', async () => {
    const out = join(temporaryFolder(), 'found.fusion.json')
    const shared = ['--rounds', 'generation', '--results', temporaryFolder(), '--share', '1/1', '--out', out]
    const { process: child, ended } = cli.start('search', ...found, '--trials', '10000', ...shared)
    await firstTrial(child)
    child.kill('SIGTERM')
    const { code, stdout, stderr } = await ended
    expect(code).toBe(130)
    expect(JSON.parse(stdout)).toMatchObject({ error: { kind: 'cancelled' } })
    expect(stderr).toContain('Share 1/1 was stopped')
    expect(existsSync(out)).toBe(false)
  }, 120_000)

  it('prints what it found also where its project cannot be written', async () => {
    const out = join(temporaryFolder(), 'found.fusion.json')
    const { process: child, ended } = cli.start('search', ...found, '--trials', '10000', '--out', out)
    await firstTrial(child)
    mkdirSync(out)
    child.kill('SIGINT')
    const { code, stdout } = await ended
    expect(code).toBe(1)
    const [result, error] = stdout.split(/(?<=^})\n/m)
    expect(JSON.parse(result!)).toMatchObject({ stopped: true, best: {} })
    expect(JSON.parse(error!)).toMatchObject({ error: { kind: 'target' } })
  }, 120_000)

  it('shares of a search side by side, one killed and started again, find what one run finds; it is gathered and resumed', async () => {
    const search = ['search', ...common(), '--threads', '1', '--trials', '6', '--rounds', 'generation']
    const results = join(temporaryFolder(), 'results')
    const file = (index: number): string => join(results, `${index}-of-2.jsonl`)
    const outs = temporaryFolder()
    const out = (index: number): string => join(outs, `${index}.fusion.json`)
    const share = (index: number, of = cli) =>
      of.start(...search, '--results', results, '--share', `${index}/2`, '--out', out(index))
    const two = share(2, cli.withCache(temporaryFolder()))
    const killed = share(1)
    let over = false
    void killed.ended.then(() => (over = true))
    while (!over && linesOf(file(1)) < 3) await delay(1)
    killed.process.kill('SIGKILL')
    await killed.ended
    const measured = linesOf(file(1))
    const [one, other, whole] = [await share(1).ended, await two.ended, await cli.run(...search)]
    for (const { code, stderr } of [one, other, whole]) expect(code, stderr).toBe(0)
    const written = whole.stdout.replace('"project": null', `"project": ${JSON.stringify(out(1))}`)
    expect([one.stdout, other.stdout]).toEqual([written, whole.stdout])
    expect([existsSync(out(1)), existsSync(out(2))]).toEqual([true, false])
    expect(other.stderr).toContain('share 1/2 writes')
    expect(linesOf(file(1))).toBeGreaterThan(measured)

    // Base and average on both halves, six trials, the first and the best weights on the other half: each once.
    const { history, best } = JSON.parse(whole.stdout) as { history: { score: number }[]; best: { score: number } }
    const checks = best.score === history[0]!.score ? 1 : 2
    expect(linesOf(file(1)) + linesOf(file(2))).toBe(4 + history.length + checks)

    const gather = [...search, '--results', results, '--gather']
    const gathered = await cli.run(...gather)
    expect(gathered).toMatchObject({ code: 0, stdout: whole.stdout })
    truncateSync(file(2), readFileSync(file(2)).byteLength - 9)
    const early = await cli.run(...gather)
    expect(early.code).toBe(1)
    expect(early.stderr).toMatch(/Error: The search is not done in .*: (trial \d|the best weights).* is missing/)
    const resumed = await cli.run(...search, '--results', results)
    expect(resumed).toMatchObject({ code: 0, stdout: whole.stdout })
    expect(linesOf(join(results, 'rest.jsonl'))).toBe(1)
  }, 120_000)

  it('says what is wrong before it begins', async () => {
    const folder = temporaryFolder()
    const there = join(folder, 'there.fusion.json')
    const project = projectSchema.parse({ format: 'featurefusion-project', version: 1, models: [] })
    writeFileSync(there, JSON.stringify(project))
    for (const [wrong, words, expected] of [
      [['--out', there], 'exists already', 1],
      [['--out', join(folder, 'found.json')], '.fusion.json', 2],
      [['--strategy', 'greedy-once', '--group-by', 'blocks'], '--group-by', 2],
      [['--trials', '1'], '--trials', 2],
      [['--results', folder, '--share', '1/2'], '--rounds generation', 2],
      [['--pictures', '1'], 'two pictures', 1],
      [['--data', join(folder, 'none')], 'is not there', 1],
      [['--out', `${process.execPath}/x.fusion.json`], 'cannot be made', 1],
    ] as const) {
      const { code, stderr } = await cli.run('search', ...common(), ...wrong)
      expect(stderr).toContain(words)
      expect(code).toBe(expected)
    }
    expect(existsSync(join(folder, 'found.json'))).toBe(false)
    expect(projectAt(there)).toEqual(project)
  }, 60_000)
})
