import { FusionError } from '../../../contract/errors'
import { betaQuantile } from './beta-distribution'
import { linspace } from './spacing'

/** The keys that choose how sigmas are spread over a run. */
export interface SigmaConfig {
  use_karras_sigmas: boolean
  use_exponential_sigmas: boolean
  use_beta_sigmas: boolean
}

const KARRAS_RHO = 7

/** The spread that the config asks for, or null for the training schedule's own. */
export function sigmaSpread(className: string, config: SigmaConfig): SigmaSpread | null {
  const chosen = SPREADS.filter(([key]) => config[key])
  if (chosen.length > 1) {
    throw new FusionError(
      'validation',
      `${className}: only one of ${chosen.map(([key]) => key).join(', ')} can be used.`,
    )
  }
  return chosen[0]?.[1] ?? null
}

/** `count` sigmas from `max` down to `min`. */
export type SigmaSpread = (max: number, min: number, count: number) => number[]

/** Equation 5 of Karras et al., arXiv 2206.00364. */
function karras(max: number, min: number, count: number): number[] {
  const [from, to] = [max ** (1 / KARRAS_RHO), min ** (1 / KARRAS_RHO)]
  return linspace(0, 1, count).map((ramp) => (from + ramp * (to - from)) ** KARRAS_RHO)
}

/** Evenly in the logarithm. */
export function exponential(max: number, min: number, count: number): number[] {
  return linspace(Math.log(max), Math.log(min), count).map(Math.exp)
}

/**
 * Lu's λ (arXiv 2206.00927): evenly between the float32 logarithms of the training sigmas, as `timestepOfSigma` reads
 * them, so that the first sigma is the last timestep's own.
 */
export function luSpread(logSigmas: Float32Array): SigmaSpread {
  const [from, to] = [logSigmas.at(-1)!, logSigmas[0]!]
  return (_max, _min, count) => linspace(0, 1, count).map((ramp) => Math.exp(from + ramp * (to - from)))
}

/** Quantiles of the beta distribution with α = β = 0.6, arXiv 2407.12173. */
function beta(max: number, min: number, count: number): number[] {
  return linspace(0, 1, count).map((ramp) => min + betaQuantile(1 - ramp, 0.6) * (max - min))
}

const SPREADS: readonly (readonly [keyof SigmaConfig, SigmaSpread])[] = [
  ['use_karras_sigmas', karras],
  ['use_exponential_sigmas', exponential],
  ['use_beta_sigmas', beta],
]

/** numpy.interp of the training sigmas at fractional timesteps. */
export function sigmaAt(sigmas: Float32Array, timestep: number): number {
  const last = sigmas.length - 1
  if (timestep >= last) return sigmas[last]!
  const below = Math.max(0, Math.floor(timestep))
  return sigmas[below]! + Math.max(0, timestep - below) * (sigmas[below + 1]! - sigmas[below]!)
}

/** The fractional training timestep of a sigma, linear in its logarithm (diffusers' `_sigma_to_t`). */
export function timestepOfSigma(sigma: number, logSigmas: Float32Array): number {
  const logSigma = Math.log(Math.max(sigma, 1e-10))
  let low = 0
  while (low < logSigmas.length - 2 && logSigmas[low + 1]! <= logSigma) low++
  const [lower, upper] = [logSigmas[low]!, logSigmas[low + 1]!]
  const weight = Math.min(1, Math.max(0, (lower - logSigma) / Math.fround(lower - upper)))
  return (1 - weight) * low + weight * (low + 1)
}
