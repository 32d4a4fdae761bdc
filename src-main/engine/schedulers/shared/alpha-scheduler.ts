import { FusionError } from '../../../contract/errors'
import { combine, limited, type ClipConfig } from './arithmetic'
import { alphasCumprodOf, betasOf, type BetaConfig } from './betas'
import { oneOf, type PredictionType } from './config'
import type { Scheduler, StepOptions } from './scheduler'

/** Config of the schedulers that step along ᾱ at whole training timesteps. */
export interface AlphaConfig extends BetaConfig, ClipConfig {
  prediction_type: string
  rescale_betas_zero_snr?: boolean
}

/** What DDIM, DDPM, PNDM and LCM share: x_t = sqrt(ᾱ_t) x_0 + sqrt(1 − ᾱ_t) ε at whole training timesteps. */
export abstract class AlphaScheduler implements Scheduler {
  readonly sigmas = null
  readonly initNoiseSigma = 1
  readonly order = 1
  protected readonly alphasCumprod: Float32Array
  protected readonly predictionType: PredictionType

  constructor(
    className: string,
    private readonly alphaConfig: AlphaConfig,
    readonly timesteps: readonly number[],
    predictionTypes: readonly PredictionType[] = ['epsilon', 'v_prediction', 'sample'],
  ) {
    const { prediction_type, rescale_betas_zero_snr, num_train_timesteps } = alphaConfig
    this.alphasCumprod = alphasCumprodOf(betasOf(className, alphaConfig, rescale_betas_zero_snr))
    this.predictionType = oneOf(className, 'prediction_type', prediction_type, predictionTypes)
    if (timesteps.some((timestep) => timestep < 0 || timestep >= num_train_timesteps)) {
      throw new FusionError('validation', `${className}: the timesteps leave the ${num_train_timesteps} of training.`, {
        hint: 'Choose fewer steps, or a smaller steps_offset in scheduler_config.json.',
      })
    }
  }

  abstract drawsNoise(iteration: number): boolean
  abstract step(modelOutput: Float32Array, iteration: number, sample: Float32Array, options?: StepOptions): Float32Array

  scaleModelInput(sample: Float32Array): Float32Array {
    return sample
  }

  addNoise(sample: Float32Array, noise: Float32Array, iteration: number): Float32Array {
    const alpha = this.alphasCumprod[this.timesteps[iteration]!]!
    return combine([Math.sqrt(alpha), sample], [Math.sqrt(1 - alpha), noise])
  }

  /** The clean sample that the model output means, before any clipping. */
  protected predictedOriginal(alpha: number, modelOutput: Float32Array, sample: Float32Array): Float32Array {
    const [signal, noise] = [Math.sqrt(alpha), Math.sqrt(1 - alpha)]
    if (this.predictionType === 'epsilon') return combine([1 / signal, sample], [-noise / signal, modelOutput])
    if (this.predictionType === 'v_prediction') return combine([signal, sample], [-noise, modelOutput])
    return modelOutput
  }

  /** The noise that the model output means. */
  protected predictedNoise(alpha: number, modelOutput: Float32Array, sample: Float32Array): Float32Array {
    const [signal, noise] = [Math.sqrt(alpha), Math.sqrt(1 - alpha)]
    if (this.predictionType === 'epsilon') return modelOutput
    if (this.predictionType === 'v_prediction') return combine([signal, modelOutput], [noise, sample])
    return combine([1 / noise, sample], [-signal / noise, modelOutput])
  }

  protected limited(original: Float32Array, options: StepOptions): Float32Array {
    return limited(original, this.alphaConfig, options.batchSize)
  }
}

/** The noise that a step must be given. @throws FusionError 'internal' where the caller forgot it */
export function requiredNoise(options: StepOptions): Float32Array {
  if (!options.noise) throw new FusionError('internal', 'A sampling step that draws noise was given none.')
  return options.noise
}
