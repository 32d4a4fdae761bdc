import type { PredictionType } from './config'
import { interleaved, SigmaScheduler, type SigmaSchedulerConfig } from './sigma-scheduler'
import { roundHalfToEven } from './spacing'

/** Sigmas, final one included, with what lies between each and the next; timesteps likewise. */
export interface MidpointSchedule {
  sigmas: readonly number[]
  middles: readonly number[]
  timesteps: readonly number[]
}

/** What DPM2 and DPM++ SDE share: a first call at σ_k, a second one half-way to the next, and a step from σ_k again. */
export abstract class MidpointScheduler extends SigmaScheduler {
  readonly order = 2
  private readonly middles: readonly number[]
  private held: Float32Array | undefined

  constructor(
    className: string,
    config: SigmaSchedulerConfig,
    { sigmas, middles, timesteps }: MidpointSchedule,
    predictionTypes: readonly PredictionType[],
  ) {
    super(className, config, timesteps, interleaved(sigmas), predictionTypes)
    this.middles = middles
  }

  protected override sigmaOfInput(iteration: number): number {
    return this.held ? this.middleOf(iteration) : this.sigmas[iteration]!
  }

  /** The σ between the two of this iteration's step. */
  protected middleOf(iteration: number): number {
    return this.middles[iteration >> 1]!
  }

  /** The step that this iteration belongs to: its two sigmas, and the sample that it started from (second call). */
  protected stepOf(iteration: number): { from: number; to: number; held: Float32Array | undefined } {
    const start = iteration - (iteration % 2)
    return { from: this.sigmas[start]!, to: this.sigmas[start + 1]!, held: this.held }
  }

  /** Keeps the sample for the second call, or (undefined) ends the step. */
  protected hold(sample: Float32Array | undefined): void {
    this.held = sample
  }
}

/** t_0, m_0, t_1, m_1, … t_last. */
export function withMiddles(timesteps: readonly number[], middles: readonly number[]): number[] {
  return timesteps.flatMap((timestep, i) => (i < timesteps.length - 1 ? [timestep, middles[i]!] : [timestep]))
}

/** DPM2's timesteps: float32, but whole numbers with Karras' sigmas. */
export function dpm2Timesteps(timesteps: readonly number[], karras: boolean): number[] {
  return timesteps.map(karras ? roundHalfToEven : Math.fround)
}
