import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { family } from '../../demo-family'
import { sha256, temporaryFolder } from '../../engine/merge/models'
import { BuiltCli, type Ended } from '../built-cli'

const [first, second] = [family.specialists[0]!, family.specialists[1]!]
const MODELS = [
  ...['--base', family.base.path],
  ...[first, second].flatMap(({ name, path }) => ['--specialist', `${name}=${path}`]),
]
const OUTPUT = ['--layout', 'single-file', '--dtype', 'fp16']
const LIMIT = 180_000

let cli: BuiltCli
beforeAll(async () => void (cli = await BuiltCli.build()), LIMIT)
afterAll(() => cli.remove())

async function done(...args: string[]): Promise<Ended> {
  const ended = await cli.run(...args)
  expect(ended.code, ended.stderr).toBe(0)
  return ended
}

/** Starts a share and kills it when it has noted so much. */
async function killed(job: string, share: string, lines: number): Promise<void> {
  const { process: child, ended } = cli.start('work', job, '--share', share, '--device', 'cpu')
  let over = false
  void ended.then(() => (over = true))
  const journal = join(job, 'shares', `${share.replace('/', '-of-')}.journal`)
  const noted = (): number => (existsSync(journal) ? readFileSync(journal, 'utf8').split('\n').length : 0)
  while (!over && noted() < lines) await delay(1)
  child.kill('SIGKILL')
  await ended
}

it(
  'processes that do shares at once, killed and done again, make the merge of one process',
  async () => {
    const place = temporaryFolder()
    const [job, out, whole] = ['job', 'gathered.safetensors', 'whole.safetensors'].map((name) => join(place, name))
    await done('plan', ...MODELS, ...OUTPUT, '--device', 'cpu', '--out', job!)
    await Promise.all([killed(job!, '1/3', 30), killed(job!, '3/3', 5)])
    const early = await cli.run('gather', job!, '--device', 'cpu', '--out', out!)
    expect(early.code).toBe(1)
    expect(early.stderr).toContain('Share 1/3 is not finished.')
    expect(early.stderr).toContain('Share 2/3 is missing.')
    await Promise.all([
      done('work', job!, '--share', '1/3', '--device', 'cpu'),
      done('work', job!, '--share', '2/3', '--device', 'cpu', '--apart', '--threads', '1'),
    ])
    const last = await done('work', job!, '--share', '3/3', '--device', 'cpu', '--json')
    expect(JSON.parse(last.stdout)).toMatchObject({ share: { index: 3, count: 3 }, isPacked: false })
    await done('gather', job!, '--device', 'cpu', '--out', out!)
    expect(readdirSync(job!)).toEqual(['plan.json'])
    await done('merge', ...MODELS, ...OUTPUT, '--device', 'cpu', '--out', whole!)
    expect(sha256(out!)).toBe(sha256(whole!))
    await done('verify', out!)
  },
  LIMIT,
)

it(
  'the variables of a job array choose the share (a stand-in for Slurm and Kubernetes)',
  async () => {
    const job = join(temporaryFolder(), 'job')
    await done('plan', ...MODELS, '--method', 'soup', '--out', job)
    const within = (env: Record<string, string>): BuiltCli => cli.withEnvironment(env)
    const slurm = { SLURM_ARRAY_TASK_ID: '5', SLURM_ARRAY_TASK_MIN: '5', SLURM_ARRAY_TASK_COUNT: '2' }
    expect((await within(slurm).run('work', job)).stdout).toContain('Share 1/2 is done')
    const pod = { JOB_COMPLETION_INDEX: '1' }
    expect((await within(pod).run('work', job, '--share', '2')).stdout).toContain('Share 2/2 is done')
    await done('gather', job)
    expect(readdirSync(job).sort()).toEqual(['merged', 'plan.json'])
  },
  LIMIT,
)
