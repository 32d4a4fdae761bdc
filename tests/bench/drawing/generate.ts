// Pictures of the demo's base: loading, 8 pictures of 20 steps in one batch, and a whole `generate` process of 2 steps
// against the same in Python. Build first (npm run build).
//   node scripts/run-ts.mjs tests/bench/drawing/generate.ts [MODEL]      FEATUREFUSION_PYTHON=…/python with diffusers; RUNS (default 3)
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { openCheckpoint } from '../../../src-main/engine/checkpoint/open'
import { loadPipeline } from '../../../src-main/engine/diffusion/load-pipeline'
import { decodePng } from '../../../src-main/engine/image/png'
import { findDemoFamily } from '../../../src-main/engine/evaluate/data/demo-family'
import { inWords, measureProcess, median, type Measured } from '../measure/process-tree'

const THREADS = 2
const RUNS = Number(process.env['RUNS'] ?? 3)
const PICTURES = 8
const STEPS = 20
const PROCESS_STEPS = 2
const PYTHON_SIDE = join(import.meta.dirname, 'diffusers_generate.py')

interface Timed {
  seconds: number
  /** Processor time of all threads; tells more than the clock on a shared machine. */
  cpuSeconds: number
}

async function timed<T>(action: () => Promise<T>): Promise<[T, Timed]> {
  const [start, before] = [performance.now(), process.cpuUsage()]
  const result = await action()
  const { user, system } = process.cpuUsage(before)
  return [result, { seconds: (performance.now() - start) / 1000, cpuSeconds: (user + system) / 1e6 }]
}

function report(name: string, runs: readonly Timed[], wanted: number): void {
  const [seconds, cpu] = [median(runs.map((run) => run.seconds)), median(runs.map((run) => run.cpuSeconds))]
  console.log(
    `${name.padEnd(40)} ${seconds.toFixed(2)} s, processor time ${cpu.toFixed(2)} s (wanted: under ${wanted} s)`,
  )
}

async function inProcess(model: string): Promise<void> {
  const loads: Timed[] = []
  const batches: Timed[] = []
  for (let run = 0; run < RUNS; run++) {
    const [pipeline, load] = await timed(async () =>
      loadPipeline(await openCheckpoint(model), { device: 'cpu', threads: THREADS }),
    )
    loads.push(load)
    const { nativeEdge: edge } = pipeline
    const pictures = Array.from({ length: PICTURES }, (_, seed) => ({ prompt: 'a photo of a cat', seed }))
    const request = { pictures, steps: STEPS, guidance: 7.5, width: edge, height: edge, batchSize: PICTURES }
    batches.push((await timed(() => pipeline.generate(request)))[1])
    await pipeline.release()
  }
  report('loading', loads, 0.5)
  report(`${PICTURES} pictures, ${STEPS} steps, one batch`, batches, 2)
}

async function wholeProcess(model: string, python: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'ff-bench-generate-'))
  const [mine, theirs] = [join(folder, 'ours.png'), join(folder, 'theirs.png')]
  const steps = String(PROCESS_STEPS)
  const own = ['out/main/cli.js', 'generate', '--model', model, '--prompt', 'a photo of a cat', '--steps', steps]
  const settings = ['--device', 'cpu', '--threads', String(THREADS), '--out', mine]
  const ours: Measured[] = []
  const pythons: Measured[] = []
  try {
    for (let run = 0; run < RUNS; run++) {
      ours.push(await measureProcess(process.execPath, [...own, ...settings]))
      pythons.push(await measureProcess(python, [PYTHON_SIDE, model, theirs, steps]))
    }
    const [a, b] = [mine, theirs].map((file) => decodePng(readFileSync(file)).data)
    const worst = Math.max(...a!.map((value, i) => Math.abs(value - b![i]!)))
    console.log(`generate, ${steps} steps: ours ${inWords(ours)}; diffusers ${inWords(pythons)}`)
    const ratio = median(ours.map(({ seconds }) => seconds)) / median(pythons.map(({ seconds }) => seconds))
    console.log(`ratio ${ratio.toFixed(3)} in time; largest difference of the pictures ${worst} of 255`)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const model = resolve(process.argv[2] ?? (await findDemoFamily('resources/demo')).base.path)
await inProcess(model)
const python = process.env['FEATUREFUSION_PYTHON']
if (python) await wholeProcess(model, python)
else console.log('FEATUREFUSION_PYTHON is not set: no comparison with diffusers')
