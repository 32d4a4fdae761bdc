import { FusionError } from '../../contract/errors'
import { combine, scaled, type Term } from './shared/arithmetic'
import { AlphaScheduler, type AlphaConfig } from './shared/alpha-scheduler'
import { readConfig, type SchedulerConfig } from './shared/config'
import type { RunOptions } from './shared/scheduler'
import { roundHalfToEven, spacedTimesteps, type SpacingConfig } from './shared/spacing'

const CLASS_NAME = 'PNDMScheduler'
const ORDER = 4
/** Four Runge-Kutta steps of four calls, without the first three calls' repetition of the last step. */
const RUNGE_KUTTA_CALLS = 12

const DEFAULTS = {
  num_train_timesteps: 1000,
  beta_start: 0.0001,
  beta_end: 0.02,
  beta_schedule: 'linear',
  trained_betas: null as readonly number[] | null,
  skip_prk_steps: false,
  set_alpha_to_one: false,
  prediction_type: 'epsilon',
  timestep_spacing: 'leading',
  steps_offset: 0,
} satisfies AlphaConfig & SpacingConfig & Record<string, unknown>

/**
 * Pseudo linear multistep (arXiv 2202.09778); diffusers' PNDMScheduler. With `skip_prk_steps` it makes steps + 1 calls
 * (the second timestep twice), without it twelve Runge-Kutta calls come first.
 */
export class PNDMScheduler extends AlphaScheduler {
  private readonly stride: number
  private readonly finalAlpha: number
  private readonly rungeKutta: boolean
  private calls = 0
  private outputs: Float32Array[] = []
  private runningOutput: Term[] = []
  private heldSample: Float32Array | undefined

  constructor(given: SchedulerConfig, { steps }: RunOptions) {
    const config = readConfig(CLASS_NAME, DEFAULTS, given)
    super(CLASS_NAME, config, timestepsOf(config, steps), ['epsilon', 'v_prediction'])
    this.stride = Math.floor(config.num_train_timesteps / steps)
    this.finalAlpha = config.set_alpha_to_one ? 1 : this.alphasCumprod[0]!
    this.rungeKutta = !config.skip_prk_steps
  }

  drawsNoise(): boolean {
    return false
  }

  step(modelOutput: Float32Array, iteration: number, sample: Float32Array): Float32Array {
    const call = this.calls++
    return this.rungeKutta && call < RUNGE_KUTTA_CALLS
      ? this.rungeKuttaStep(modelOutput, iteration, sample, call)
      : this.multistep(modelOutput, iteration, sample, call)
  }

  private rungeKuttaStep(output: Float32Array, iteration: number, sample: Float32Array, call: number): Float32Array {
    const previous = this.timesteps[iteration]! - (call % 2 ? 0 : Math.floor(this.stride / 2))
    const part = call % 4
    if (part === 0) {
      this.outputs.push(output)
      this.heldSample = sample
    }
    this.runningOutput.push([part === 0 || part === 3 ? 1 / 6 : 1 / 3, output])
    const used = part === 3 ? combine(...this.runningOutput) : output
    if (part === 3) this.runningOutput = []
    return this.transfer(this.heldSample ?? sample, this.timesteps[call - part]!, previous, used)
  }

  private multistep(output: Float32Array, iteration: number, sample: Float32Array, call: number): Float32Array {
    const timestep = this.timesteps[iteration]!
    if (call === 1) {
      // The second call repeats the first step with the mean of both outputs.
      const mean = combine([0.5, output], [0.5, this.outputs.at(-1)!])
      return this.transfer(this.heldSample ?? sample, timestep + this.stride, timestep, mean)
    }
    this.outputs = [...this.outputs.slice(1 - ORDER), output]
    if (call === 0) this.heldSample = sample
    const [e1, e2, e3, e4] = this.outputs.toReversed()
    const used = e4
      ? combine(
          ...scaled(1 / 24, [
            [55, e1!],
            [-59, e2!],
            [37, e3!],
            [-9, e4],
          ]),
        )
      : e3
        ? combine(
            ...scaled(1 / 12, [
              [23, e1!],
              [-16, e2!],
              [5, e3],
            ]),
          )
        : e2
          ? combine([1.5, e1!], [-0.5, e2])
          : output
    return this.transfer(sample, timestep, timestep - this.stride, used)
  }

  /** Equation 9 of the paper: from `timestep` to `previous` along the predicted noise. */
  private transfer(sample: Float32Array, timestep: number, previous: number, output: Float32Array): Float32Array {
    const alpha = this.alphasCumprod[timestep]!
    const previousAlpha = previous >= 0 ? this.alphasCumprod[previous]! : this.finalAlpha
    const epsilon = this.predictedNoise(alpha, output, sample)
    const denominator = alpha * Math.sqrt(1 - previousAlpha) + Math.sqrt(alpha * (1 - alpha) * previousAlpha)
    return combine([Math.sqrt(previousAlpha / alpha), sample], [-(previousAlpha - alpha) / denominator, epsilon])
  }
}

function timestepsOf(config: typeof DEFAULTS, steps: number): number[] {
  const descending = spacedTimesteps(CLASS_NAME, config, steps).map(roundHalfToEven)
  if (config.skip_prk_steps) return [descending[0]!, ...descending.slice(1, 2), ...descending.slice(1)]
  if (steps < ORDER) {
    throw new FusionError('validation', `${CLASS_NAME} needs at least ${ORDER} steps without skip_prk_steps.`)
  }
  const half = Math.floor(Math.floor(config.num_train_timesteps / steps) / 2)
  const doubled = descending.slice(0, ORDER).flatMap((timestep) => [timestep + half, timestep])
  const warmUp = doubled.slice(1).flatMap((timestep) => [timestep, timestep])
  return [...warmUp.slice(1, -1), ...descending.slice(ORDER - 1)]
}
