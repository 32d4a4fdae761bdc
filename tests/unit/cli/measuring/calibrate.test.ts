import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { family, prompts } from '../../demo-family'
import { openCalibration } from '../../../../src-main/engine/merge/plan/calibration/calibration-file'
import { temporaryFolder } from '../../engine/merge/models'
import { BuiltCli } from '../built-cli'

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
      ...['--samples', '16', '--min-timestep', '700', '--max-timestep', '800'],
      ...['--out', path, '--device', 'cpu', '--json'],
    )
    expect(gathered.stderr).not.toMatch(/^Error/m)
    const { models: told, samples } = JSON.parse(gathered.stdout) as {
      samples: number
      models: { name: string; source: Record<string, unknown> }[]
    }
    expect(samples).toBe(16)
    expect(told.map(({ name }) => name)).toEqual([first!.name, second!.name])
    expect(told[0]!.source).toMatchObject({ kind: 'data', domains: [first!.name] })
    for (const [i, timestep] of (told[0]!.source['timesteps'] as number[]).entries())
      expect(Math.floor(timestep / 10)).toBe(70 + i)
    expect(told[1]!.source).toMatchObject({ kind: 'prompts', prompts: [prompts[0]] })
    expect((await openCalibration(path)).record.models).toEqual(told)

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
        calibration: { samples: 4, seed: 9, pictures: 1, minTimestep: 100, maxTimestep: 990, choices },
      }),
    )
    const { code, stdout } = await cli.run(
      'calibrate',
      project,
      ...['--out', join(folder, 'c.safetensors'), '--device', 'cpu', '--seed', '2', '--min-timestep', '980', '--json'],
    )
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      samples: 4,
      seed: 2,
      models: [
        { name: first!.name, source: { kind: 'prompts', prompts: ['a small house'] } },
        {
          name: second!.name,
          source: {
            ...{ kind: 'data', domains: [second!.name], pictures: 1 },
            timesteps: [980, 981, 982, 983, 984, 985, 986, 987, 988, 989],
          },
        },
      ],
    })
  }, 60_000)

  it('says what is wrong with the command line', async () => {
    const folder = temporaryFolder()
    const out = ['--out', join(folder, 'calibration.safetensors')]
    const list = join(folder, 'prompts.txt')
    writeFileSync(list, `${prompts[0]}\n`)
    for (const [wrong, words] of [
      [[], '--data'],
      [['--prompts', 'prompts.txt'], 'NAME=FILE'],
      [['--data', `nobody=${family.evaluation}`], 'nobody'],
      [['--data', family.evaluation, '--data', `${first!.name}=${family.evaluation}`], first!.name],
      [['--data', family.evaluation, '--min-timestep', '-1'], 'whole number from 0 on'],
      [['--prompts', `${first!.name}=${list}`, '--min-timestep', '1'], 'pictures'],
    ] as const) {
      const { code, stderr } = await cli.run('calibrate', ...models, ...wrong, ...out)
      expect(code).toBe(2)
      expect(stderr).toContain(words)
    }
  }, 60_000)
})
