import { combine } from './shared/arithmetic'
import { requiredNoise } from './shared/alpha-scheduler'
import { readConfig, type SchedulerConfig } from './shared/config'
import { K_DPM_2_DEFAULTS } from './k-dpm-2-discrete'
import { MidpointScheduler, withMiddles, type MidpointSchedule } from './shared/midpoint-scheduler'
import type { RunOptions, StepOptions } from './shared/scheduler'
import { ancestralSigmas, moveTo, sigmaSchedule } from './shared/sigma-scheduler'
import { timestepOfSigma } from './shared/sigmas'

const CLASS_NAME = 'DPMSolverSDEScheduler'

/** The same keys and defaults, besides the seed of torchsde's noise, which has no effect here. */
const DEFAULTS = { ...K_DPM_2_DEFAULTS, noise_sampler_seed: null as number | readonly number[] | null }

/**
 * Stochastic DPM-Solver++ (arXiv 2211.01095; k-diffusion's dpmpp_sde); diffusers' DPMSolverSDEScheduler. Its noise are
 * increments of one Brownian path (`brownianInterval`), over stretches that overlap. Given diffusers' noise it makes
 * diffusers' samples; the path itself is not torchsde's.
 */
export class DPMSolverSDEScheduler extends MidpointScheduler {
  constructor(given: SchedulerConfig, { steps }: RunOptions) {
    const config = readConfig(CLASS_NAME, DEFAULTS, given)
    super(CLASS_NAME, config, scheduleOf(config, steps), ['epsilon', 'v_prediction'])
  }

  drawsNoise(iteration: number): boolean {
    return this.stepOf(iteration).to > 0
  }

  brownianInterval(iteration: number): readonly [from: number, to: number] {
    const { from, to } = this.stepOf(iteration)
    return [from, iteration % 2 ? to : this.middleOf(iteration)]
  }

  step(modelOutput: Float32Array, iteration: number, sample: Float32Array, options: StepOptions = {}): Float32Array {
    const { from, to, held } = this.stepOf(iteration)
    const middle = this.middleOf(iteration)
    const original = this.predictedOriginal(held ? middle : from, modelOutput, sample)
    if (to === 0) return moveTo(0, from, sample, original)
    this.hold(held ? undefined : sample)
    const { down, up } = ancestralSigmas(from, held ? to : middle)
    const share = down / from
    return combine([share, held ?? sample], [1 - share, original], [up, requiredNoise(options)])
  }
}

function scheduleOf(config: typeof DEFAULTS, steps: number): MidpointSchedule {
  const { sigmas, timesteps, trainSigmas } = sigmaSchedule(CLASS_NAME, config, steps)
  const logSigmas = trainSigmas.map(Math.log)
  const middles = sigmas.slice(0, -1).map((sigma, i) => Math.sqrt(sigma * sigmas[i + 1]!))
  const middleTimesteps = middles.map((sigma) => timestepOfSigma(sigma, logSigmas))
  return { sigmas: [...sigmas, 0], middles, timesteps: withMiddles(timesteps, middleTimesteps) }
}
