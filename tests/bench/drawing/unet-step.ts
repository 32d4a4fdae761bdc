// One UNet step at 512 × 512 with guidance and one VAE decode, SD 1.4's shapes with synthetic float16 weights, in float32
// arithmetic on this machine's CPU: ours against diffusers', in one run, with the peak memory of every phase.
//   node scripts/run-ts.mjs tests/bench/drawing/unet-step.ts FOLDER [STEPS]      FEATUREFUSION_PYTHON=…/python; FOLDER is filled if it is empty
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { buildUnet } from '../../../src-main/engine/architecture/unet'
import { buildVaeDecoder } from '../../../src-main/engine/architecture/vae'
import { openCheckpoint } from '../../../src-main/engine/checkpoint/open'
import { Network } from '../../../src-main/engine/runtime/network'
import type { Tensor } from '../../../src-main/engine/runtime/session'
import { best, inWords, phase, watch } from '../measure/phases'

const THREADS = 2
const PYTHON_SIDE = join(import.meta.dirname, 'diffusers_unet_step.py')

/** The same smooth numbers as diffusers_unet_step.py. */
function values(...dims: number[]): Tensor {
  const count = dims.reduce((product, size) => product * size, 1)
  return { data: Float32Array.from({ length: count }, (_, i) => Math.sin(i * 12.9898)), dims }
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
    console.log(inWords(name, best(mine.phases, name), best(theirs.phases, name), 'diffusers'))
  }
}

const [first, second, third] = process.argv.slice(2)
if (first === 'ours') await ours(second!, Number(third))
else if (first) await compare(first, second ?? '2')
else throw new Error('unet-step.ts FOLDER [STEPS]')
