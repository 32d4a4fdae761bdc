import { combine } from './shared/arithmetic'
import { readConfig, type SchedulerConfig } from './shared/config'
import { dpm2Timesteps, MidpointScheduler, withMiddles, type MidpointSchedule } from './shared/midpoint-scheduler'
import type { RunOptions } from './shared/scheduler'
import { moveTo, sigmaSchedule, type SigmaSchedulerConfig } from './shared/sigma-scheduler'
import { timestepOfSigma } from './shared/sigmas'

const CLASS_NAME = 'KDPM2DiscreteScheduler'

export const K_DPM_2_DEFAULTS = {
  num_train_timesteps: 1000,
  beta_start: 0.00085,
  beta_end: 0.012,
  beta_schedule: 'linear',
  trained_betas: null as readonly number[] | null,
  use_karras_sigmas: false,
  use_exponential_sigmas: false,
  use_beta_sigmas: false,
  prediction_type: 'epsilon',
  timestep_spacing: 'linspace',
  steps_offset: 0,
} satisfies SigmaSchedulerConfig & Record<string, unknown>

/** DPM-Solver-2 in σ (algorithm 2 of arXiv 2206.00364 at the midpoint); diffusers' KDPM2DiscreteScheduler. */
export class KDPM2DiscreteScheduler extends MidpointScheduler {
  constructor(given: SchedulerConfig, { steps }: RunOptions) {
    const config = readConfig(CLASS_NAME, K_DPM_2_DEFAULTS, given)
    super(
      CLASS_NAME,
      config,
      dpm2Schedule(CLASS_NAME, config, steps, (_from, to) => to),
      ['epsilon', 'v_prediction'],
    )
  }

  drawsNoise(): boolean {
    return false
  }

  step(modelOutput: Float32Array, iteration: number, sample: Float32Array): Float32Array {
    const { from, to, held } = this.stepOf(iteration)
    const middle = this.middleOf(iteration)
    const sigma = held ? middle : from
    const original = this.predictedOriginal(sigma, modelOutput, sample)
    this.hold(held ? undefined : sample)
    if (!held) return moveTo(middle, from, sample, original)
    const slope = (to - from) / middle
    return combine([1, held], [slope, sample], [-slope, original])
  }
}

/** `target` is where a step from σ to the next goes before noise; the middle lies half-way there in the logarithm. */
export function dpm2Schedule(
  className: string,
  config: typeof K_DPM_2_DEFAULTS,
  steps: number,
  target: (from: number, to: number) => number,
): MidpointSchedule {
  const schedule = sigmaSchedule(className, config, steps)
  const sigmas = [...schedule.sigmas.map(Math.fround), 0]
  const middles = schedule.sigmas.map((_, i) => Math.fround(Math.sqrt(sigmas[i]! * target(sigmas[i]!, sigmas[i + 1]!))))
  const logSigmas = schedule.trainSigmas.map(Math.log)
  const middleTimesteps = middles.map((sigma) => Math.fround(timestepOfSigma(sigma, logSigmas)))
  const timesteps = dpm2Timesteps(schedule.timesteps, config.use_karras_sigmas)
  return { sigmas, middles, timesteps: withMiddles(timesteps, middleTimesteps) }
}
