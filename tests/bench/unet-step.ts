// One UNet step at 512 × 512 with guidance and one VAE decode, SD 1.4's shapes with synthetic float16 weights, in float32
// arithmetic on this machine's CPU: ours against diffusers', in one run, with the peak memory of every phase.
//   node scripts/run-ts.mjs tests/bench/unet-step.ts FOLDER [STEPS]      FEATUREFUSION_PYTHON=…/python; FOLDER is filled if it is empty
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildUnet } from '../../src-main/engine/architecture/unet'
import { buildVaeDecoder } from '../../src-main/engine/architecture/vae'
import { openCheckpoint } from '../../src-main/engine/checkpoint/open'
import { Network } from '../../src-main/engine/runtime/network'
import type { Tensor } from '../../src-main/engine/runtime/session'

const THREADS = 2
const SAMPLE_MS = 50
const PYTHON_SIDE = join(import.meta.dirname, 'diffusers_unet_step.py')

interface Phase {
  name: string
  seconds: number
  /** Processor time of all threads; tells more than the clock on a shared machine. */
  cpuSeconds: number
  peakBytes: number
}

/** The same smooth numbers as diffusers_unet_step.py. */
function values(...dims: number[]): Tensor {
  const count = dims.reduce((product, size) => product * size, 1)
  return { data: Float32Array.from({ length: count }, (_, i) => Math.sin(i * 12.9898)), dims }
}

async function phase<T>(name: string, action: () => Promise<T>): Promise<T> {
  console.log(JSON.stringify({ begin: name }))
  const start = performance.now()
  const cpuBefore = process.cpuUsage()
  const result = await action()
  const seconds = (performance.now() - start) / 1000
  const { user, system } = process.cpuUsage(cpuBefore)
  console.log(JSON.stringify({ end: name, seconds, cpuSeconds: (user + system) / 1e6 }))
  return result
}

async function ours(folder: string, steps: number): Promise<void> {
  const open = async (part: 'unet' | 'vae', build: typeof buildUnet) => {
    const { config, tensors } = (await openCheckpoint(join(folder, part))).components.get(part)!
    const built = build(config!, tensors, { computeType: 'F32', weights: 'initializers', attention: 'fused' })
    return Network.open(built, { provider: 'cpu', threads: THREADS })
  }
  const measure = async (name: string, session: Network, feeds: Record<string, Tensor>): Promise<void> => {
    let check: number[] = []
    for (let step = 0; step < steps; step++) {
      const results = await phase(name, () => session.run(feeds))
      check = [...(Object.values(results)[0]!.data as Float32Array).subarray(0, 8)]
    }
    console.log(JSON.stringify({ check }))
    await session.release()
  }
  await measure('step', await phase('load unet', () => open('unet', buildUnet)), {
    sample: values(2, 4, 64, 64),
    timestep: { data: Float32Array.of(481, 481), dims: [2] },
    encoder_hidden_states: values(2, 77, 768),
  })
  await measure('decode', await phase('load vae', () => open('vae', buildVaeDecoder)), {
    z: values(1, 4, 64, 64),
  })
}

/** Runs a program that reports phases, and watches its memory (resident, mapped files counted, as the system does). */
function watch(file: string, args: string[]): Promise<{ phases: Phase[]; checks: number[][] }> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    const phases: Phase[] = []
    const checks: number[][] = []
    let peakBytes = 0
    const sample = (): void => {
      const resident = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]
      peakBytes = Math.max(peakBytes, Number(resident ?? 0) * 1024)
    }
    const timer = setInterval(sample, SAMPLE_MS)
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      text += part
      for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
        const line = text.slice(0, end)
        text = text.slice(end + 1)
        if (!line.startsWith('{')) continue
        const event = JSON.parse(line) as {
          begin?: string
          end?: string
          seconds?: number
          cpuSeconds?: number
          check?: number[]
        }
        if (event.begin) peakBytes = 0
        if (event.check) checks.push(event.check)
        if (event.end)
          phases.push({ name: event.end, seconds: event.seconds!, cpuSeconds: event.cpuSeconds!, peakBytes })
      }
    })
    child.on('error', reject)
    child.on('close', (code) => {
      clearInterval(timer)
      if (code === 0) resolve({ phases, checks })
      else reject(new Error(`${file} ended with ${code}`))
    })
  })
}

/** The best time and the highest peak of the phases of one name. */
function best(phases: Phase[], name: string): Phase {
  const same = phases.filter((entry) => entry.name === name)
  return {
    name,
    seconds: Math.min(...same.map(({ seconds }) => seconds)),
    cpuSeconds: Math.min(...same.map(({ cpuSeconds }) => cpuSeconds)),
    peakBytes: Math.max(...same.map(({ peakBytes }) => peakBytes)),
  }
}

async function compare(folder: string, steps: string): Promise<void> {
  const python = process.env['FEATUREFUSION_PYTHON'] ?? 'python3'
  if (!existsSync(join(folder, 'vae')))
    spawnSync(python, [PYTHON_SIDE, 'make', folder], { stdio: ['ignore', 'inherit', 'inherit'] })
  const mine = await watch(process.execPath, ['scripts/run-ts.mjs', import.meta.filename, 'ours', folder, steps])
  const theirs = await watch(python, [PYTHON_SIDE, 'run', folder, steps])
  mine.checks.forEach((check, index) => {
    const worst = Math.max(...check.map((value, i) => Math.abs(value - theirs.checks[index]![i]!)))
    console.log(
      `largest difference of the first values: ${worst.toExponential(2)} (of ${Math.abs(check[0]!).toFixed(3)})`,
    )
  })
  for (const name of ['load unet', 'step', 'load vae', 'decode']) {
    const [a, b] = [best(mine.phases, name), best(theirs.phases, name)]
    const [peakA, peakB] = [a.peakBytes / 1e9, b.peakBytes / 1e9]
    console.log(
      `${name.padEnd(10)} ours ${a.seconds.toFixed(2)} s (cpu ${a.cpuSeconds.toFixed(1)}), ${peakA.toFixed(2)} GB   ` +
        `diffusers ${b.seconds.toFixed(2)} s (cpu ${b.cpuSeconds.toFixed(1)}), ${peakB.toFixed(2)} GB   ratio ` +
        `${(a.seconds / b.seconds).toFixed(3)} in time, ${(a.cpuSeconds / b.cpuSeconds).toFixed(3)} in cpu time, ` +
        `${(peakA / peakB).toFixed(3)} in memory`,
    )
  }
}

const [first, second, third] = process.argv.slice(2)
if (first === 'ours') await ours(second!, Number(third))
else if (first) await compare(first, second ?? '2')
else throw new Error('unet-step.ts FOLDER [STEPS]')
