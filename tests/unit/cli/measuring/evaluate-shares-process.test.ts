import { existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { family } from '../../demo-family'
import { temporaryFolder } from '../../engine/merge/models'
import { BuiltCli, type Ended } from '../built-cli'

const [food, animals] = [family.specialists[0]!, family.specialists[1]!]
const DATA = ['--data', family.evaluation, '--device', 'cpu', '--threads', '1']
const EVALUATE = [
  ...['evaluate', ...DATA, '--pictures', '1', '--model', `base=${family.base.path}`],
  ...[food, animals].flatMap(({ name, path }) => ['--model', `${name}=${path}`]),
]
const COMPARE = [
  ...['compare', ...DATA, '--pictures', '2', '--base', family.base.path, '--specialist', `${food.name}=${food.path}`],
  ...['--only', 'task-arithmetic', '--only', 'slerp'],
]
const LIMIT = 180_000

let cli: BuiltCli
let results: string
beforeAll(async () => void (cli = await BuiltCli.build()), LIMIT)
afterAll(() => cli.remove())
beforeEach(() => void (results = join(temporaryFolder(), 'results')))

async function done(of: BuiltCli, ...args: string[]): Promise<Ended> {
  const ended = await of.run(...args)
  expect(ended.code, ended.stderr).toBe(0)
  return ended
}

/** What a command measured; how long it took is no part of that. */
const figures = ({ stdout }: Ended): unknown =>
  JSON.parse(stdout, (key, value: unknown) => (key === 'seconds' ? undefined : value))

const gather = (command: readonly string[]) => cli.run(...command, '--results', results, '--gather', '--json')

it(
  'shares of an evaluation on machines of their own, one killed and done again, give what one run gives',
  async () => {
    const machine = () => cli.withCache(temporaryFolder())
    const share = (index: number) => [...EVALUATE, '--results', results, '--share', `${index}/3`]
    const { process: child, ended } = machine().start(...share(1))
    let over = false
    void ended.then(() => (over = true))
    const file = join(results, '1-of-3.jsonl')
    while (!over && !(existsSync(file) && readFileSync(file, 'utf8').includes('\n'))) await delay(1)
    child.kill('SIGKILL')
    await ended
    await done(machine(), ...share(2))
    const early = await gather(EVALUATE)
    expect(early.code).toBe(1)
    expect(early.stderr).toContain(`Share 3/3: ${animals.name} on`)
    expect(early.stderr).not.toContain('Share 2/3:')
    await done(machine(), ...share(1))
    await done(machine(), ...share(3))
    const gathered = await gather(EVALUATE)
    expect(gathered.stderr).toBe('')
    expect(figures(gathered)).toEqual(figures(await done(machine(), ...EVALUATE, '--json')))
  },
  LIMIT,
)

it(
  'the variables of a job array choose the share; what is cut is said and measured again; other data are said',
  async () => {
    const within = (env: Record<string, string>): BuiltCli => cli.withEnvironment(env)
    const slurm = { SLURM_ARRAY_TASK_ID: '5', SLURM_ARRAY_TASK_MIN: '5', SLURM_ARRAY_TASK_COUNT: '2' }
    const shared = [...EVALUATE, '--results', results]
    expect((await done(within(slurm), ...shared, '--share')).stdout).toContain('Share 1/2 is done')
    const pod = { JOB_COMPLETION_INDEX: '1' }
    expect((await done(within(pod), ...shared, '--share', '2')).stdout).toContain('Share 2/2 is done')
    const whole = figures(await gather(EVALUATE))
    const file = join(results, '2-of-2.jsonl')
    truncateSync(file, readFileSync(file).byteLength - 9)
    const cut = await done(cli, ...shared, '--json')
    expect(cut.stderr).toContain('was not written to its end')
    expect(figures(cut)).toEqual(whole)
    expect(readFileSync(join(results, 'rest.jsonl'), 'utf8').split('\n')).toHaveLength(2)
    const other = await gather([...EVALUATE, '--seed', '1'])
    expect(other.code).toBe(1)
    expect(other.stderr).toContain('are of other models, data, settings, devices or versions, and are not used')
    const line = readFileSync(join(results, 'rest.jsonl'), 'utf8')
    rmSync(join(results, 'rest.jsonl'))
    writeFileSync(join(results, 'notes.jsonl'), line.replace('0.', '1.'))
    expect((await done(cli, ...shared)).stderr).toContain('Line 1 of notes.jsonl')
  },
  LIMIT,
)

it(
  'shares of a comparison with searched scales give what one run gives',
  async () => {
    for (const share of ['2/2', '1/2']) await done(cli, ...COMPARE, '--results', results, '--share', share)
    const gathered = await gather(COMPARE)
    expect(gathered.code, gathered.stderr).toBe(0)
    expect(figures(gathered)).toEqual(figures(await done(cli, ...COMPARE, '--json')))
  },
  LIMIT,
)

it('says what options do not go together', async () => {
  for (const options of [['--share', '1/2'], ['--gather'], ['--results', results, '--share', '1/2', '--gather']]) {
    const { code, stderr } = await cli.run(...EVALUATE, ...options)
    expect(code).toBe(2)
    expect(stderr).toContain('--share')
  }
  const csv = join(results, '..', 'table.csv')
  for (const option of ['--csv', '--png']) {
    const { code, stderr } = await cli.run(...EVALUATE, '--results', results, '--share', '1/2', option, csv)
    expect(code).toBe(2)
    expect(stderr).toContain('--gather')
  }
  expect([existsSync(results), existsSync(csv)]).toEqual([false, false])
})
