import { combine } from './shared/arithmetic'
import { requiredNoise } from './shared/alpha-scheduler'
import { readConfig, type SchedulerConfig } from './shared/config'
import { dpm2Schedule, K_DPM_2_DEFAULTS } from './k-dpm-2-discrete'
import { MidpointScheduler } from './shared/midpoint-scheduler'
import type { RunOptions, StepOptions } from './shared/scheduler'
import { ancestralSigmas, moveTo } from './shared/sigma-scheduler'

const CLASS_NAME = 'KDPM2AncestralDiscreteScheduler'

/** DPM-Solver-2 with fresh noise in every step (k-diffusion); diffusers' KDPM2AncestralDiscreteScheduler. */
export class KDPM2AncestralDiscreteScheduler extends MidpointScheduler {
  constructor(given: SchedulerConfig, { steps }: RunOptions) {
    const config = readConfig(CLASS_NAME, K_DPM_2_DEFAULTS, given)
    const schedule = dpm2Schedule(CLASS_NAME, config, steps, (from, to) => ancestralSigmas(from, to).down)
    super(CLASS_NAME, config, schedule, ['epsilon', 'v_prediction'])
  }

  drawsNoise(iteration: number): boolean {
    return iteration % 2 === 1
  }

  step(modelOutput: Float32Array, iteration: number, sample: Float32Array, options: StepOptions = {}): Float32Array {
    const { from, to, held } = this.stepOf(iteration)
    const middle = this.middleOf(iteration)
    const original = this.predictedOriginal(held ? middle : from, modelOutput, sample)
    this.hold(held ? undefined : sample)
    if (!held) return moveTo(middle, from, sample, original)
    const { down, up } = ancestralSigmas(from, to)
    const slope = (down - from) / middle
    return combine([1, held], [slope, sample], [-slope, original], [up, requiredNoise(options)])
  }
}
