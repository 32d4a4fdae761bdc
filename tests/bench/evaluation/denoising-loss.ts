// The denoising loss of the demo's base and one specialist: ours on one live UNet against diffusers on PyTorch, in turns
// in one run, per picture of 10 timesteps. Weights are at hand on both sides; ours counts reading them into the UNet.
//   FEATUREFUSION_PYTHON=…/python node scripts/run-ts.mjs tests/bench/evaluation/denoising-loss.ts [TURNS] [PICTURES]      THREADS (default 2)
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { loadavg } from 'node:os'
import { openCheckpoint } from '../../../src-main/engine/checkpoint/open'
import { loadPipeline } from '../../../src-main/engine/diffusion/load-pipeline'
import { mean } from '../../../src-main/engine/evaluate/losses/bootstrap'
import { findDemoFamily } from '../../../src-main/engine/evaluate/data/demo-family'
import { checkpointModel } from '../../../src-main/engine/evaluate/losses/evaluated-model'
import { readEvaluationSet } from '../../../src-main/engine/evaluate/data/evaluation-set'
import { LossMeter } from '../../../src-main/engine/evaluate/losses/loss-table'
import { chooseSplit } from '../../../src-main/engine/evaluate/data/splits'
import { median } from '../measure/process-tree'

const THREADS = Number(process.env['THREADS'] ?? 2)
const PYTHON_SIDE = join(import.meta.dirname, 'diffusers_denoising_loss.py')

interface Turn {
  seconds: number
  /** Processor time of all threads; tells more than the clock on a shared machine. */
  cpuSeconds: number
  losses: number[]
}

const [turns, pictures] = [Number(process.argv[2] ?? 5), Number(process.argv[3] ?? 12)]
const python = process.env['FEATUREFUSION_PYTHON']
if (!python) throw new Error('FEATUREFUSION_PYTHON is not set: there is nothing to compare with')

const { base, specialists, evaluation } = await findDemoFamily('resources/demo')
const specialist = specialists[0]!
const set = await readEvaluationSet(evaluation)
const chosen = chooseSplit(set, 'all', pictures).slice(0, 1)
const checkpoint = await openCheckpoint(base.path)
const options = { base: checkpoint, threads: THREADS }
const models = [
  checkpointModel(base.name, 'base', checkpoint, options),
  checkpointModel(specialist.name, 'specialist', await openCheckpoint(specialist.path), options),
]
const pipeline = await loadPipeline(checkpoint, { threads: THREADS, device: 'cpu', liveUnet: true })

async function ours(model: number): Promise<Turn> {
  const [start, before] = [performance.now(), process.cpuUsage()]
  // A meter of its own, so that the texts are encoded in every turn as on the other side.
  const { losses } = await new LossMeter(pipeline, set).measure(models[model]!, chosen)
  const { user, system } = process.cpuUsage(before)
  const seconds = (performance.now() - start) / 1000
  return { seconds, cpuSeconds: (user + system) / 1e6, losses: losses[0]!.map(mean) }
}

const child = spawn(
  python,
  [
    PYTHON_SIDE,
    String(THREADS),
    base.path,
    evaluation,
    chosen[0]!.name,
    String(pictures),
    join(base.path, 'unet'),
    specialist.path,
  ],
  { stdio: ['pipe', 'pipe', 'inherit'] },
)
const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
const answer = async (): Promise<unknown> => JSON.parse((await lines.next()).value as string)

async function theirs(model: number): Promise<Turn> {
  child.stdin.write(`${model}\n`)
  return (await answer()) as Turn
}

await answer()
const measured: { ours: Turn; theirs: Turn }[] = []
for (let turn = -1; turn < turns; turn++) {
  const model = (turn + 2) % models.length
  const pair = { ours: await ours(model), theirs: await theirs(model) }
  if (turn >= 0) measured.push(pair) // the first pair warms both up
}
child.stdin.end()
await once(child, 'close')
await pipeline.release()

const worst = Math.max(
  ...measured.flatMap(({ ours: a, theirs: b }) => a.losses.map((loss, i) => Math.abs(loss / b.losses[i]! - 1))),
)
const each = (side: 'ours' | 'theirs', key: 'seconds' | 'cpuSeconds', of: (values: number[]) => number): string =>
  `${((1000 * of(measured.map((pair) => pair[side][key]))) / pictures).toFixed(0)} ms`
const least = (values: number[]): number => Math.min(...values)
const ratio = (key: 'seconds' | 'cpuSeconds'): number =>
  median(measured.map((pair) => pair.ours[key] / pair.theirs[key]))
console.log(
  `${turns} turns of ${pictures} pictures, ${set.timesteps.length} timesteps each; load ${loadavg()[0]!.toFixed(1)}`,
)
for (const side of ['ours', 'theirs'] as const)
  console.log(
    `${side === 'ours' ? 'ours     ' : 'diffusers'} ${each(side, 'seconds', median)} per picture (least ${each(side, 'seconds', least)}), ` +
      `processor time ${each(side, 'cpuSeconds', median)} (least ${each(side, 'cpuSeconds', least)})`,
  )
console.log(
  `ratio ${ratio('seconds').toFixed(3)} in time, ${ratio('cpuSeconds').toFixed(3)} in processor time (wanted: at most 1.0); ` +
    `largest difference of a picture's loss ${(100 * worst).toFixed(4)} %`,
)
