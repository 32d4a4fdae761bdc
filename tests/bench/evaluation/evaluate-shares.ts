// Evaluating the demo family (7 models on 7 domains) in shares: one on one core, two on two cores, and eight, one thread
// each; what gathering takes; and whether all give the table of one run. Processor time is what counts on a busy machine:
// a share's own says how long it would take on a core of its own. Linux (taskset).
//   node scripts/run-ts.mjs tests/bench/evaluation/evaluate-shares.ts [OPTION OF evaluate ...]
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { measureProcess, type Measured } from '../measure/process-tree'

const LIMITS = { faster: 1.8, added: 0.05 }
const DEMO = resolve('resources/demo')
const MODELS = ['base', 'animals', 'food', 'objects', 'travel', 'flat', 'sketch']
const more = process.argv.slice(2)
const place = mkdtempSync(join(tmpdir(), 'evaluate-shares-'))
const env = { ...process.env, FEATUREFUSION_CACHE: join(place, 'cache') }
const command = [
  ...[resolve('out/main/cli.js'), 'evaluate', '--data', join(DEMO, 'evaluation'), '--device', 'cpu', '--threads', '1'],
  ...MODELS.flatMap((name) => ['--model', `${name}=${join(DEMO, name)}`]),
  ...[...more, '--json'],
]

function run(core: number, ...args: string[]): Promise<Measured> {
  return measureProcess('taskset', ['-c', String(core), process.execPath, ...command, ...args], env)
}

function figures({ output }: Measured): string {
  const { seconds: _seconds, ...result } = JSON.parse(output) as { seconds: number }
  return JSON.stringify(result)
}

/** Does all shares, a few at a time, and gathers. */
async function inShares(count: number, atOnce: number) {
  const results = join(place, String(count))
  const started = performance.now()
  const shares: Measured[] = []
  for (let done = 0; done < count; done += atOnce) {
    const next = Array.from({ length: atOnce }, (_, core) => [core, `${done + core + 1}/${count}`] as const)
    shares.push(...(await Promise.all(next.map(([core, of]) => run(core, '--results', results, '--share', of)))))
  }
  const seconds = (performance.now() - started) / 1000
  const gathered = await run(0, '--results', results, '--gather')
  const own = shares.map(({ cpuSeconds }) => cpuSeconds)
  const cpu = own.reduce((sum, each) => sum + each, 0)
  console.log(
    `${count} shares, ${atOnce} at once: ${seconds.toFixed(1)} s; ${cpu.toFixed(1)} s of processor, the longest ` +
      `${Math.max(...own).toFixed(1)} s, the shortest ${Math.min(...own).toFixed(1)} s; gathering ${gathered.cpuSeconds.toFixed(1)} s of processor`,
  )
  return { seconds, cpu, longest: Math.max(...own), figures: figures(gathered) }
}

try {
  await run(0, '--pictures', '1') // hashes, and the files' pages
  const whole = await run(0)
  console.log(`one run: ${whole.seconds.toFixed(1)} s; ${whole.cpuSeconds.toFixed(1)} s of processor`)
  const one = await inShares(1, 1)
  const two = await inShares(2, 2)
  const eight = await inShares(8, 1)
  const verdict = (good: boolean): string => (good ? 'kept' : 'MISSED')
  const faster = one.cpu / two.longest
  const added = eight.cpu / one.cpu - 1
  console.log(
    `two shares are ${(one.seconds / two.seconds).toFixed(2)} × as fast as one by the clock; on cores of their own at most ${faster.toFixed(2)} ×, by the processor time of the longer one (at least ${LIMITS.faster}: ${verdict(faster >= LIMITS.faster)})`,
  )
  console.log(
    `eight shares add ${(100 * added).toFixed(1)} % of work (at most ${100 * LIMITS.added}: ${verdict(added <= LIMITS.added)})`,
  )
  const isEqual = [one, two, eight].every((shares) => shares.figures === figures(whole))
  console.log(`figures as of one run: ${isEqual ? 'yes' : 'NO'}`)
} finally {
  rmSync(place, { recursive: true, force: true })
}
