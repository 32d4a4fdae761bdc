import { FusionError } from '../../../contract/errors'
import { combine, limited, type ClipConfig } from './arithmetic'
import { alphasCumprodOf, betasOf, trainSigmas, type BetaConfig } from './betas'
import { oneOf, unsupported, type PredictionType } from './config'
import type { Scheduler, StepOptions } from './scheduler'
import { luSpread, sigmaAt, sigmaSpread, timestepOfSigma, type SigmaConfig } from './sigmas'
import { roundHalfToEven, spacedSolverTimesteps } from './spacing'

/** Config of the exponential integrators: DPM-Solver, DEIS, UniPC. */
export interface SolverConfig extends BetaConfig, ClipConfig, SigmaConfig {
  prediction_type: string
  solver_order: number
  use_flow_sigmas: boolean
  use_dynamic_shifting: boolean
  rescale_betas_zero_snr?: boolean
  timestep_spacing?: string
  steps_offset?: number
  use_lu_lambdas?: boolean
  lambda_min_clipped?: number | readonly number[] | null
  sigma_min?: number | readonly number[] | null
  sigma_max?: number | readonly number[] | null
}

/** A place on the schedule: x = alpha · x_0 + sigma · ε, lambda = log(alpha / sigma). */
export interface Place {
  alpha: number
  sigma: number
  lambda: number
}

/** Where the last step goes: `zero`, the sigma of the first training timestep, or the last one of the spread again. */
export type FinalSigma = 'zero' | 'sigma_min' | 'last'

export interface SolverSchedule {
  timesteps: number[]
  /** One more than timesteps. */
  sigmas: Float32Array
}

/** Whole timesteps and sigmas. With Karras' and other spreads the range is that of all training timesteps. */
export function solverSchedule(
  className: string,
  config: SolverConfig,
  steps: number,
  { final, rounded }: { final: (spread: boolean) => FinalSigma; rounded: boolean },
): SolverSchedule {
  for (const key of ['use_flow_sigmas', 'use_dynamic_shifting'] as const) {
    if (config[key]) throw unsupported(className, key, true, [])
  }
  if (![1, 2, 3].includes(config.solver_order)) {
    throw unsupported(className, 'solver_order', config.solver_order, ['1', '2', '3'])
  }
  const alphasCumprod = alphasCumprodOf(betasOf(className, config, config.rescale_betas_zero_snr))
  if (config.rescale_betas_zero_snr) alphasCumprod[alphasCumprod.length - 1] = 2 ** -24
  const train = trainSigmas(alphasCumprod)
  const spacing = {
    num_train_timesteps: config.num_train_timesteps,
    timestep_spacing: config.timestep_spacing ?? 'linspace',
    steps_offset: config.steps_offset ?? 0,
  }
  const last = config.num_train_timesteps - clippedTimesteps(train, config.lambda_min_clipped)
  const spaced = spacedSolverTimesteps(className, spacing, steps, last)
  const logSigmas = train.map(Math.log)
  const chosen = sigmaSpread(className, config)
  const spread = config.use_lu_lambdas && !config.use_karras_sigmas ? luSpread(logSigmas) : chosen
  const min = typeof config.sigma_min === 'number' ? config.sigma_min : train[0]!
  const max = typeof config.sigma_max === 'number' ? config.sigma_max : train.at(-1)!
  const sigmas = spread ? spread(max, min, steps) : spaced.map((timestep) => sigmaAt(train, timestep))
  const finalSigma = { zero: 0, sigma_min: train[0]!, last: sigmas.at(-1)! }[final(spread !== null)]
  const round = rounded && (config.use_karras_sigmas || config.use_lu_lambdas) ? roundHalfToEven : Math.trunc
  return {
    timesteps: spread ? sigmas.map((sigma) => round(timestepOfSigma(sigma, logSigmas))) : spaced,
    sigmas: Float32Array.from([...sigmas, finalSigma]),
  }
}

/** How many of the noisiest timesteps have a λ = −log σ below the limit. */
function clippedTimesteps(train: Float32Array, limit: SolverConfig['lambda_min_clipped']): number {
  return typeof limit === 'number' ? train.filter((sigma) => -Math.log(sigma) < limit).length : 0
}

/** What DPM-Solver, DEIS and UniPC share: places with λ, and earlier model outputs, latest last. */
export abstract class SolverScheduler implements Scheduler {
  readonly initNoiseSigma = 1
  readonly order = 1
  readonly timesteps: readonly number[]
  readonly sigmas: Float32Array
  protected readonly solverOrder: number
  protected outputs: Float32Array[] = []
  private readonly predictionType: PredictionType

  constructor(
    className: string,
    private readonly solverConfig: SolverConfig,
    { timesteps, sigmas }: SolverSchedule,
  ) {
    const predictionTypes = ['epsilon', 'v_prediction', 'sample'] as const
    this.predictionType = oneOf(className, 'prediction_type', solverConfig.prediction_type, predictionTypes)
    this.timesteps = timesteps
    this.sigmas = sigmas
    this.solverOrder = solverConfig.solver_order
  }

  abstract drawsNoise(iteration: number): boolean
  abstract step(modelOutput: Float32Array, iteration: number, sample: Float32Array, options?: StepOptions): Float32Array

  scaleModelInput(sample: Float32Array): Float32Array {
    return sample
  }

  addNoise(sample: Float32Array, noise: Float32Array, iteration: number): Float32Array {
    const { alpha, sigma } = this.place(iteration)
    return combine([alpha, sample], [sigma, noise])
  }

  /** The place of an iteration; one past the last is the end. */
  protected place(iteration: number): Place {
    const sigma = this.sigmas[iteration]
    if (sigma === undefined) throw new FusionError('internal', `The schedule has no place ${iteration}.`)
    const alpha = 1 / Math.sqrt(sigma ** 2 + 1)
    return { alpha, sigma: sigma * alpha, lambda: -Math.log(sigma) }
  }

  protected remember(output: Float32Array): void {
    this.outputs = [...this.outputs, output].slice(-this.solverOrder)
  }

  /** The clean sample that the model output means, thresholded as the config asks. */
  protected predictedOriginal(
    iteration: number,
    modelOutput: Float32Array,
    sample: Float32Array,
    options: StepOptions,
  ): Float32Array {
    const { alpha, sigma } = this.place(iteration)
    const original =
      this.predictionType === 'epsilon'
        ? combine([1 / alpha, sample], [-sigma / alpha, modelOutput])
        : this.predictionType === 'v_prediction'
          ? combine([alpha, sample], [-sigma, modelOutput])
          : modelOutput
    return limited(original, { ...this.solverConfig, clip_sample: false }, options.batchSize)
  }

  /** The noise that the model output means; through a thresholded clean sample where `thresholds` asks for it. */
  protected predictedNoise(
    iteration: number,
    modelOutput: Float32Array,
    sample: Float32Array,
    options: StepOptions,
    thresholds = true,
  ): Float32Array {
    const { alpha, sigma } = this.place(iteration)
    const toNoise = (original: Float32Array): Float32Array => combine([1 / sigma, sample], [-alpha / sigma, original])
    if (this.solverConfig.thresholding && thresholds) {
      return toNoise(this.predictedOriginal(iteration, modelOutput, sample, options))
    }
    if (this.predictionType === 'epsilon') return modelOutput
    if (this.predictionType === 'v_prediction') return combine([alpha, modelOutput], [sigma, sample])
    return toNoise(modelOutput)
  }
}
