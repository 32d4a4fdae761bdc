import { combine } from './arithmetic'
import { alphasCumprodOf, betasOf, trainSigmas, type BetaConfig } from './betas'
import { oneOf, type PredictionType } from './config'
import type { Scheduler, StepOptions } from './scheduler'
import { sigmaAt, sigmaSpread, timestepOfSigma, type SigmaConfig } from './sigmas'
import { spacedTimesteps, type SpacingConfig } from './spacing'

const { fround } = Math

/** Config of the schedulers that step along σ (Karras et al., arXiv 2206.00364). */
export interface SigmaSchedulerConfig extends BetaConfig, SpacingConfig, Partial<SigmaConfig> {
  prediction_type: string
  rescale_betas_zero_snr?: boolean
  sigma_min?: number | readonly number[] | null
  sigma_max?: number | readonly number[] | null
}

/** One noise level per inference step, before the final one. */
export interface SigmaSchedule {
  /** float64. */
  sigmas: number[]
  timesteps: number[]
  trainSigmas: Float32Array
}

/** Chosen sigmas and their timesteps. Karras' range is that of the chosen timesteps. */
export function sigmaSchedule(className: string, config: SigmaSchedulerConfig, steps: number): SigmaSchedule {
  const alphasCumprod = alphasCumprodOf(betasOf(className, config, config.rescale_betas_zero_snr))
  // σ would be infinite at zero signal.
  if (config.rescale_betas_zero_snr) alphasCumprod[alphasCumprod.length - 1] = 2 ** -24
  const train = trainSigmas(alphasCumprod)
  const spread = sigmaSpread(className, {
    use_karras_sigmas: config.use_karras_sigmas ?? false,
    use_exponential_sigmas: config.use_exponential_sigmas ?? false,
    use_beta_sigmas: config.use_beta_sigmas ?? false,
  })
  const timesteps = spacedTimesteps(className, config, steps)
  const sigmas = timesteps.map((timestep) => sigmaAt(train, timestep))
  if (!spread) return { sigmas, timesteps, trainSigmas: train }
  const min = typeof config.sigma_min === 'number' ? config.sigma_min : sigmas.at(-1)!
  const max = typeof config.sigma_max === 'number' ? config.sigma_max : sigmas[0]!
  const spreadSigmas = spread(max, min, steps)
  const logSigmas = train.map(Math.log)
  return {
    sigmas: spreadSigmas,
    timesteps: spreadSigmas.map((sigma) => timestepOfSigma(sigma, logSigmas)),
    trainSigmas: train,
  }
}

/** What Euler, Heun, LMS and their kind share: x = x_0 + σ ε, and a model that sees x / sqrt(σ² + 1). */
export abstract class SigmaScheduler implements Scheduler {
  abstract readonly order: number
  readonly initNoiseSigma: number
  protected readonly predictionType: PredictionType

  constructor(
    className: string,
    config: SigmaSchedulerConfig,
    readonly timesteps: readonly number[],
    readonly sigmas: Float32Array,
    predictionTypes: readonly PredictionType[],
  ) {
    this.predictionType = oneOf(className, 'prediction_type', config.prediction_type, predictionTypes)
    const most = sigmas.reduce((a, b) => Math.max(a, b))
    this.initNoiseSigma = config.timestep_spacing === 'leading' ? Math.sqrt(most ** 2 + 1) : most
  }

  abstract drawsNoise(iteration: number): boolean
  abstract step(modelOutput: Float32Array, iteration: number, sample: Float32Array, options?: StepOptions): Float32Array

  /** The σ that the sample of an iteration has. */
  protected sigmaOfInput(iteration: number): number {
    return this.sigmas[iteration]!
  }

  scaleModelInput(sample: Float32Array, iteration: number): Float32Array {
    const scale = fround(Math.sqrt(variance(this.sigmaOfInput(iteration))))
    return sample.map((x) => x / scale)
  }

  addNoise(sample: Float32Array, noise: Float32Array, iteration: number): Float32Array {
    return combine([1, sample], [this.sigmas[iteration]!, noise])
  }

  /** The clean sample that the model output means at σ. */
  protected predictedOriginal(sigma: number, modelOutput: Float32Array, sample: Float32Array): Float32Array {
    if (this.predictionType === 'epsilon') return combine([1, sample], [-sigma, modelOutput])
    if (this.predictionType === 'sample') return modelOutput
    const scale = variance(sigma)
    const factor = fround(-sigma / fround(Math.sqrt(scale)))
    return sample.map((x, i) => fround(modelOutput[i]! * factor) + fround(x / scale))
  }
}

/** σ² + 1, in float32. */
function variance(sigma: number): number {
  return fround(fround(sigma ** 2) + 1)
}

/**
 * The sample moved from σ `from` to `to` on the straight line through its clean prediction; rounded where diffusers
 * rounds, since from a σ in the thousands the sum cancels.
 */
export function moveTo(to: number, from: number, sample: Float32Array, original: Float32Array): Float32Array {
  const change = fround(to - from)
  return sample.map((x, i) => x + fround(fround(fround(x - original[i]!) / from) * change))
}

/** Each value but the first and the last twice: the layout of solvers with two calls per step. */
export function interleaved(sigmas: readonly number[]): Float32Array {
  return Float32Array.from(
    sigmas.flatMap((sigma, i) => (i === 0 || i === sigmas.length - 1 ? [sigma] : [sigma, sigma])),
  )
}

/**
 * An ancestral step from σ `from` to `to`: how far to go down, and how much noise to add again (k-diffusion). Rounded to
 * float32 throughout, as in diffusers: with σ in the thousands (zero terminal SNR) the last difference cancels.
 */
export function ancestralSigmas(from: number, to: number): { down: number; up: number } {
  const [from2, to2] = [fround(from ** 2), fround(to ** 2)]
  const up = Math.min(to, fround(Math.sqrt(fround(fround(to2 * fround(from2 - to2)) / from2))))
  return { up, down: fround(Math.sqrt(Math.max(0, fround(to2 - fround(up ** 2))))) }
}
