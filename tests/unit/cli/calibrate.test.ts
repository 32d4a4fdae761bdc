import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { family, prompts } from '../demo-family'
import { temporaryFolder } from '../engine/merge/models'
import { BuiltCli } from './built-cli'

let cli: BuiltCli
beforeAll(async () => {
  cli = await BuiltCli.build()
}, 120_000)
afterAll(() => cli.remove())

const [first, second] = family.specialists
const models = [
  ...['--base', `${family.base.path}@0`],
  ...[first!, second!].flatMap(({ name, path }) => ['--specialist', `${name}=${path}`]),
]

describe('featurefusion calibrate', () => {
  it('gathers on data and for prompts, and a merge learns from the file', async () => {
    const folder = temporaryFolder()
    const path = join(folder, 'calibration.safetensors')
    const list = join(folder, 'prompts.txt')
    writeFileSync(list, `${prompts[0]}\n\n`)
    const gathered = await cli.run(
      'calibrate',
      ...models,
      ...['--data', `${first!.name}=${family.evaluation}`, '--prompts', `${second!.name}=${list}`],
      ...['--samples', '16', '--out', path, '--device', 'cpu', '--json'],
    )
    expect(gathered.stderr).not.toMatch(/^Error/m)
    const { models: told, samples } = JSON.parse(gathered.stdout) as {
      samples: number
      models: { name: string; source: Record<string, unknown> }[]
    }
    expect(samples).toBe(16)
    expect(told.map(({ name }) => name)).toEqual([first!.name, second!.name])
    expect(told[0]!.source).toMatchObject({ kind: 'data', domains: [first!.name] })
    expect(told[1]!.source).toMatchObject({ kind: 'prompts', prompts: [prompts[0]] })

    const merge = (...more: string[]) =>
      cli.run(
        'merge',
        ...models,
        '--method',
        'feature-regression',
        ...more,
        '--out',
        join(folder, 'merged'),
        '--device',
        'cpu',
      )
    const merged = await merge('--calibration', path, '--ridge', '0.5')
    expect(merged.stdout).toMatch(/Fitted +\d+ layers/)
    expect(merged.code).toBe(0)
    const without = await merge()
    expect(without.stderr).toContain('calibrate')
    expect(without.code).toBe(1)
  }, 120_000)

  it('takes what a project says that its models run on', async () => {
    const folder = temporaryFolder()
    const project = join(folder, 'own.fusion.json')
    const choices = [
      { name: family.base.name, use: 'none' },
      { name: first!.name, use: 'prompts', prompts: ['a small house'] },
    ]
    writeFileSync(
      project,
      JSON.stringify({
        format: 'featurefusion-project',
        version: 1,
        models: [family.base, first, second],
        calibration: { samples: 4, seed: 9, pictures: 1, choices },
      }),
    )
    const { code, stdout } = await cli.run(
      'calibrate',
      project,
      ...['--out', join(folder, 'c.safetensors'), '--device', 'cpu', '--seed', '2', '--json'],
    )
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      samples: 4,
      seed: 2,
      models: [
        { name: first!.name, source: { kind: 'prompts', prompts: ['a small house'] } },
        { name: second!.name, source: { kind: 'data', domains: [second!.name], pictures: 1 } },
      ],
    })
  }, 60_000)

  it('says what is wrong with the command line', async () => {
    const out = ['--out', join(temporaryFolder(), 'calibration.safetensors')]
    for (const [wrong, words] of [
      [[], '--data'],
      [['--prompts', 'prompts.txt'], 'NAME=FILE'],
      [['--data', `nobody=${family.evaluation}`], 'nobody'],
      [['--data', family.evaluation, '--data', `${first!.name}=${family.evaluation}`], first!.name],
    ] as const) {
      const { code, stderr } = await cli.run('calibrate', ...models, ...wrong, ...out)
      expect(code).toBe(2)
      expect(stderr).toContain(words)
    }
  }, 60_000)
})
