import { FusionError } from '../../../contract/errors'
import { oneOf, type TimestepSpacing } from './config'

const SPACINGS = ['linspace', 'leading', 'trailing'] as const

export interface SpacingConfig {
  num_train_timesteps: number
  timestep_spacing: string
  steps_offset: number
}

/** Descending positions on the training schedule, `steps` of them; fractions with linspace. */
export function spacedTimesteps(className: string, config: SpacingConfig, steps: number): number[] {
  const spacing = checkedSpacing(className, config, steps)
  const count = config.num_train_timesteps
  if (spacing === 'linspace') return linspace(0, count - 1, steps).reverse()
  if (spacing === 'leading') return leading(Math.floor(count / steps), steps, config.steps_offset)
  return trailing(count, count / steps)
}

/**
 * The same for solvers that need a further point after the last (DPM-Solver, DEIS, UniPC): steps + 1 points of which
 * the lowest is dropped; whole numbers. `last` is the number of timesteps that may be used.
 */
export function spacedSolverTimesteps(
  className: string,
  config: SpacingConfig,
  steps: number,
  last = config.num_train_timesteps,
): number[] {
  const spacing = checkedSpacing(className, config, steps)
  if (spacing === 'linspace') {
    return linspace(0, last - 1, steps + 1)
      .map(roundHalfToEven)
      .reverse()
      .slice(0, -1)
  }
  if (spacing === 'leading') {
    const offset = config.steps_offset
    return leading(Math.floor(last / (steps + 1)), steps + 1, 0)
      .slice(0, -1)
      .map((timestep) => timestep + offset)
  }
  return trailing(last, config.num_train_timesteps / steps)
}

/** @throws FusionError 'validation' for a number of steps that the schedule does not have */
function checkedSpacing(className: string, config: SpacingConfig, steps: number): TimestepSpacing {
  const count = config.num_train_timesteps
  if (!Number.isInteger(steps) || steps < 1 || steps > count) {
    throw new FusionError('validation', `${steps} steps cannot be sampled.`, {
      hint: `Choose a whole number from 1 to ${count}.`,
    })
  }
  return oneOf(className, 'timestep_spacing', config.timestep_spacing, SPACINGS)
}

function leading(ratio: number, steps: number, offset: number): number[] {
  return Array.from({ length: steps }, (_, i) => (steps - 1 - i) * ratio + offset)
}

function trailing(from: number, ratio: number): number[] {
  return Array.from({ length: Math.ceil(from / ratio) }, (_, i) => roundHalfToEven(from - i * ratio) - 1)
}

/** numpy.linspace: both ends included. */
export function linspace(start: number, end: number, count: number): number[] {
  const step = count > 1 ? (end - start) / (count - 1) : 0
  return Array.from({ length: count }, (_, i) => (i > 0 && i === count - 1 ? end : start + i * step))
}

/** numpy's rounding. */
export function roundHalfToEven(x: number): number {
  const floor = Math.floor(x)
  const rest = x - floor
  if (rest !== 0.5) return Math.round(x)
  return floor % 2 === 0 ? floor : floor + 1
}
