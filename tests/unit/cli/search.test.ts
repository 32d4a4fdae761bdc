import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { SearchReport } from '../../../src-main/contract/evaluate/search'
import { projectSchema } from '../../../src-main/contract/document/project'
import type { Trial } from '../../../src-main/engine/evaluate/search/weight-trials'
import { family } from '../demo-family'
import { temporaryFolder } from '../engine/merge/models'
import { BuiltCli } from './built-cli'

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
// The evaluation set beside the base is found by itself.
const common = [...models, '--pictures', '2', '--device', 'cpu', '--json']

interface Found extends Pick<SearchReport, 'best' | 'check' | 'pictures' | 'base' | 'soup'> {
  history: Trial[]
  stopped: boolean
  project: string | null
}

const projectAt = (path: string) => projectSchema.parse(JSON.parse(readFileSync(path, 'utf8')))

describe('featurefusion search', () => {
  it('finds weights, says what they are worth, and writes them as a project that merge takes', async () => {
    const out = join(temporaryFolder(), 'deep', 'found.fusion.json')
    const ended = await cli.run('search', ...common, '--trials', '3', '--group-by', 'stages', '--out', out)
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
    const made = await cli.run('search', ...common, '--strategy', 'greedy-once', '--out', inner)
    expect(made.code).toBe(0)
    const short = ['--pictures', '2', '--device', 'cpu', '--json', '--trials', '3']
    const ended = await cli.run('search', inner, ...short, '--space', 'gains', '--group-by', 'stages', '--out', out)
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
    const wrong = await cli.run('search', ...common, '--space', 'gains')
    expect(wrong.stderr).toContain('--space gains')
    expect(wrong.code).toBe(2)
  }, 120_000)

  it('writes a greedy soup as a plain average', async () => {
    const out = join(temporaryFolder(), 'soup.fusion.json')
    const ended = await cli.run('search', ...common, '--strategy', 'greedy-repeated', '--out', out)
    expect(ended.code).toBe(0)
    const { best } = JSON.parse(ended.stdout) as Found
    const written = projectAt(out)
    expect(written.method.name).toBe('soup')
    expect(written.models.map(({ weight }) => weight)).toEqual(best!.models.map(({ weight }) => weight))
    expect(written.models.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(1, 12)
  }, 120_000)

  it('ends with the best so far when it is interrupted', async () => {
    const out = join(temporaryFolder(), 'found.fusion.json')
    const { process: child, ended } = cli.start('search', ...common, '--trials', '10000', '--out', out)
    await new Promise<void>((resolve) =>
      child.stderr!.on('data', (text: Buffer) => {
        if (text.toString().includes('best so far')) resolve()
      }),
    )
    child.kill('SIGINT')
    const { code, stdout } = await ended
    expect(code).toBe(0)
    const { best, check, history, stopped } = JSON.parse(stdout) as Found
    expect({ check, stopped }).toEqual({ check: null, stopped: true })
    expect(best!.score).toBe(Math.min(...history.map(({ score }) => score)))
    expect(projectAt(out).models.map(({ weight }) => weight)).toEqual(best!.models.map(({ weight }) => weight))
  }, 120_000)

  it('says what is wrong before it begins', async () => {
    const folder = temporaryFolder()
    for (const [wrong, words, expected] of [
      [['--out', join(folder, 'found.json')], '.fusion.json', 2],
      [['--strategy', 'greedy-once', '--group-by', 'blocks'], '--group-by', 2],
      [['--trials', '1'], '--trials', 2],
      [['--pictures', '1'], 'two pictures', 1],
      [['--data', join(folder, 'none')], 'is not there', 1],
      [['--out', `${process.execPath}/x.fusion.json`], 'cannot be made', 1],
    ] as const) {
      const { code, stderr } = await cli.run('search', ...common, ...wrong)
      expect(stderr).toContain(words)
      expect(code).toBe(expected)
    }
    expect(existsSync(join(folder, 'found.json'))).toBe(false)
  }, 60_000)
})
