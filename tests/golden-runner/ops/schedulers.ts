import { alphasCumprodOf, betasOf, type BetaConfig } from '../../../src-main/engine/schedulers/shared/betas'
import { createScheduler, type Scheduler, type SchedulerConfig } from '../../../src-main/engine/schedulers'
import { input, type GoldenCase } from '../golden-set'
import type { OpResult, OpRunner } from '../run-cases'

interface SchedulerParams {
  class: string
  config: SchedulerConfig
  steps: number
  step_arguments: Record<string, number>
  timesteps: number[]
  sigmas: number[] | null
  init_noise_sigma: number
  iterations_that_draw_noise: number[]
}

async function scheduler(goldenCase: GoldenCase): Promise<OpResult> {
  const params = goldenCase.params as unknown as SchedulerParams
  const { eta = 0, ...others } = params.step_arguments
  if (Object.keys(others).length) return { skipped: `step arguments ${Object.keys(others).join(', ')}` }
  const run = createScheduler(params.class, params.config, { steps: params.steps, eta })
  const failures = scheduleFailures(run, params)
  let sample: Float32Array = Float32Array.from(input(goldenCase, 'sample').values(), (x) => x * run.initNoiseSigma)
  const size = sample.length
  const allNoise = goldenCase.inputs['noise'] ? Float32Array.from(input(goldenCase, 'noise').values()) : undefined
  const samples = new Float32Array(run.timesteps.length * size)
  run.timesteps.forEach((timestep, i) => {
    const output = toyModel(run.scaleModelInput(sample, i), timestep)
    const draws = run.drawsNoise(i)
    if (draws !== params.iterations_that_draw_noise.includes(i)) failures.push(`iteration ${i} draws noise: ${draws}`)
    const noise = draws ? allNoise?.subarray(i * size, (i + 1) * size) : undefined
    sample = run.step(output, i, sample, noise ? { noise } : {})
    samples.set(sample, i * size)
  })
  return { outputs: { samples }, arithmetic: 'float64', failures }
}

/** The schedulers' README section: toy(x, t)[k] = 0.3 x[k] + 0.4 sin(0.05 k + 0.002 t). */
function toyModel(sample: Float32Array, timestep: number): Float32Array {
  return sample.map((x, k) => 0.3 * x + 0.4 * Math.sin(0.05 * k + 0.002 * timestep))
}

function scheduleFailures(run: Scheduler, params: SchedulerParams): string[] {
  const failures: string[] = []
  const near = (what: string, values: ArrayLike<number>, golden: readonly number[], error: number): void => {
    const off = golden.findIndex((value, i) => !(Math.abs(value - (values[i] ?? 0)) <= error * Math.max(1, value)))
    if (off >= 0) failures.push(`${what} ${off}: ${values[off]} instead of ${golden[off]}`)
  }
  if (run.timesteps.length !== params.timesteps.length) failures.push(`${run.timesteps.length} timesteps`)
  near('timestep', run.timesteps, params.timesteps, 1e-4)
  near('initial sigma', [run.initNoiseSigma], [params.init_noise_sigma], 1e-6)
  if (params.sigmas) near('sigma', run.sigmas ?? [], params.sigmas, 1e-6)
  return failures
}

async function addNoise(goldenCase: GoldenCase): Promise<OpResult> {
  const {
    class: className,
    config,
    steps,
    timestep,
  } = goldenCase.params as unknown as SchedulerParams & {
    timestep: number
  }
  const run = createScheduler(className, config, { steps })
  // diffusers looks the timestep up, and takes the second of equals.
  const found = run.timesteps.flatMap((candidate, i) => (Math.abs(candidate - timestep) < 1e-3 ? [i] : []))
  const iteration = found[1] ?? found[0]
  if (iteration === undefined) return { failures: [`no timestep ${timestep} among ${run.timesteps.join(', ')}`] }
  const [sample, noise] = ['sample', 'noise'].map((name) => Float32Array.from(input(goldenCase, name).values()))
  return { outputs: { noisy: run.addNoise(sample!, noise!, iteration) }, arithmetic: 'float64' }
}

async function alphasCumprod({ params }: GoldenCase): Promise<OpResult> {
  const defaults = { num_train_timesteps: 1000, beta_start: 1e-4, beta_end: 0.02, beta_schedule: 'linear' }
  const { rescale_betas_zero_snr, ...given } = params['config'] as Partial<BetaConfig> & {
    rescale_betas_zero_snr?: boolean
  }
  const betas = betasOf('DDIMScheduler', { ...defaults, trained_betas: null, ...given }, rescale_betas_zero_snr)
  return { outputs: { betas, alphas_cumprod: alphasCumprodOf(betas) }, arithmetic: 'float64' }
}

export const schedulerOps: Record<string, OpRunner> = { scheduler, add_noise: addNoise, alphas_cumprod: alphasCumprod }
