import { FusionError } from '../../../contract/errors'
import { unsupported } from './config'

/** The keys that make the noise schedule of training; every scheduler has them. */
export interface BetaConfig {
  num_train_timesteps: number
  beta_start: number
  beta_end: number
  beta_schedule: string
  trained_betas: readonly number[] | null
}

const { fround } = Math
const MOST_TRAIN_TIMESTEPS = 100_000

/**
 * betas [num_train_timesteps], float32, as diffusers' schedulers compute them.
 * @throws FusionError 'unsupported' for an unknown beta_schedule, 'malformed' for an impossible number of timesteps
 */
export function betasOf(className: string, config: BetaConfig, rescaleZeroSnr = false): Float32Array {
  const betas = rawBetas(className, config)
  return rescaleZeroSnr ? rescaleZeroTerminalSnr(betas) : betas
}

function rawBetas(className: string, config: BetaConfig): Float32Array {
  const { num_train_timesteps: count, beta_start: start, beta_end: end } = config
  if (!Number.isInteger(count) || count < 1 || count > MOST_TRAIN_TIMESTEPS) {
    throw new FusionError('malformed', `${className}: num_train_timesteps is ${count}.`)
  }
  if (config.trained_betas !== null) {
    if (config.trained_betas.length !== count) {
      throw new FusionError('malformed', `${className}: trained_betas has ${config.trained_betas.length} values.`, {
        hint: `It needs one for each of the ${count} training timesteps.`,
      })
    }
    return Float32Array.from(config.trained_betas)
  }
  switch (config.beta_schedule) {
    case 'linear':
      return linspaceFloat32(start, end, count)
    case 'scaled_linear':
      return linspaceFloat32(Math.sqrt(start), Math.sqrt(end), count).map((root) => root * root)
    case 'squaredcos_cap_v2':
      return betasForAlphaBar(count, (t) => Math.cos((((t + 0.008) / 1.008) * Math.PI) / 2) ** 2)
    case 'exp':
      return betasForAlphaBar(count, (t) => Math.exp(-12 * t))
    case 'laplace':
      return betasForAlphaBar(count, laplaceAlphaBar)
    case 'sigmoid':
      return linspaceFloat32(-6, 6, count).map((x) => (1 / (1 + Math.exp(-x))) * (end - start) + start)
    default:
      throw unsupported(className, 'beta_schedule', config.beta_schedule, ['linear', 'scaled_linear'])
  }
}

/** Classes of diffusers 0.42.1 that read `rescale_betas_zero_snr`, of those that are here. */
const ZERO_SNR_CLASSES: ReadonlySet<string> = new Set([
  'DDIMScheduler',
  'DDPMScheduler',
  'DPMSolverMultistepScheduler',
  'EulerAncestralDiscreteScheduler',
  'EulerDiscreteScheduler',
  'LCMScheduler',
  'UniPCMultistepScheduler',
])

/** Whether a scheduler's class can rescale its betas to a last timestep without signal. */
export function knowsZeroSnr(className: string): boolean {
  return ZERO_SNR_CLASSES.has(className)
}

/** Cumulative products of 1 − beta: torch.cumprod multiplies in float64 and stores float32. */
export function alphasCumprodOf(betas: Float32Array): Float32Array {
  let product = 1
  return betas.map((beta) => (product *= fround(1 - beta)))
}

/** sqrt((1 − ᾱ) / ᾱ) of every training timestep, ascending. */
export function trainSigmas(alphasCumprod: Float32Array): Float32Array {
  return alphasCumprod.map((alpha) => Math.sqrt(fround(fround(1 - alpha) / alpha)))
}

/**
 * Algorithm 1 of arXiv 2305.08891: the last timestep gets a signal of exactly zero. In float64, since torch's float32
 * square root here is off by a last place now and then, to either side.
 */
function rescaleZeroTerminalSnr(betas: Float32Array): Float32Array {
  const roots = Float64Array.from(alphasCumprodOf(betas), Math.sqrt)
  const first = roots[0]!
  const last = roots.at(-1)!
  const alphaBars = roots.map((root) => ((root - last) * (first / (first - last))) ** 2)
  return Float32Array.from(alphaBars, (alphaBar, i) => 1 - (i === 0 ? alphaBar : alphaBar / alphaBars[i - 1]!))
}

/** torch.linspace in float32: from both ends inwards, product and sum rounded once. */
function linspaceFloat32(start: number, end: number, count: number): Float32Array {
  const [first, last] = [fround(start), fround(end)]
  const step = count > 1 ? fround(fround(last - first) / (count - 1)) : 0
  return Float32Array.from({ length: count }, (_, i) =>
    i < Math.floor(count / 2) ? first + step * i : last - step * (count - 1 - i),
  )
}

function betasForAlphaBar(count: number, alphaBar: (t: number) => number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) =>
    Math.min(1 - alphaBar((i + 1) / count) / alphaBar(i / count), 0.999),
  )
}

function laplaceAlphaBar(t: number): number {
  const side = 0.5 - t < 0 || Object.is(0.5 - t, -0) ? -1 : 1
  const snr = Math.exp(-0.5 * side * Math.log(1 - 2 * Math.abs(0.5 - t) + 1e-6))
  return Math.sqrt(snr / (1 + snr))
}
