import type { TorchGenerator } from '../../random'
import { combine } from './arithmetic'
import type { Scheduler } from './scheduler'

/** One Brownian path in σ, W(start) = 0, unfolded where it is asked for: new places are drawn between known ones. */
class BrownianPath {
  /** Places with their values, descending. */
  private readonly known: { at: number; value: Float32Array }[]

  constructor(
    start: number,
    size: number,
    private readonly generator: TorchGenerator,
  ) {
    this.known = [{ at: start, value: new Float32Array(size) }]
  }

  /** W(to) − W(from) as N(0, 1): divided by sqrt(|to − from|). */
  increment(from: number, to: number): Float32Array {
    const scale = 1 / Math.sqrt(Math.abs(to - from))
    return combine([scale, this.value(to)], [-scale, this.value(from)])
  }

  private value(at: number): Float32Array {
    const index = this.known.findIndex((place) => place.at <= at)
    const below = this.known[index]
    if (below?.at === at) return below.value
    const above = this.known[index < 0 ? this.known.length - 1 : index - 1]
    const value = this.between(at, above, below)
    this.known.splice(index < 0 ? this.known.length : index, 0, { at, value })
    return value
  }

  /** A draw given the neighbours: a Brownian bridge between two, a free step from one. */
  private between(
    at: number,
    above: { at: number; value: Float32Array } | undefined,
    below: { at: number; value: Float32Array } | undefined,
  ): Float32Array {
    const noise = this.generator.randn(this.known[0]!.value.length)
    if (above && below) {
      const span = above.at - below.at
      const share = (at - below.at) / span
      const deviation = Math.sqrt(span * share * (1 - share))
      return combine([share, above.value], [1 - share, below.value], [deviation, noise])
    }
    const end = (above ?? below)!
    return combine([1, end.value], [Math.sqrt(Math.abs(end.at - at)), noise])
  }
}

/**
 * The noise of a run, for `step`: at each iteration that draws, N(0, 1) of `size` values from the generator, as
 * diffusers' randn_tensor; for DPMSolverSDE the increments of one Brownian path made of the generator's draws (torchsde's
 * own path, which diffusers seeds apart from the generator, is not reproduced).
 * @returns a function from the iteration to its noise, undefined where none is drawn; iterations in order
 */
export function noiseSource(
  scheduler: Scheduler,
  size: number,
  generator: TorchGenerator,
): (iteration: number) => Float32Array | undefined {
  let path: BrownianPath | undefined
  return (iteration) => {
    if (!scheduler.drawsNoise(iteration)) return undefined
    const interval = scheduler.brownianInterval?.(iteration)
    if (!interval) return generator.randn(size)
    path ??= new BrownianPath(interval[0], size, generator)
    return path.increment(...interval)
  }
}
