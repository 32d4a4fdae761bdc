import { mean } from './bootstrap'

/** How two models differ on the same pictures. */
export interface PairedDifference {
  /** Mean of a − b. */
  mean: number
  /** Of that mean; it covers the choice of pictures, not another training. */
  standardError: number
  /** The mean, as a part of b's mean. */
  relative: number
  count: number
}

/** Compares losses picture by picture. @param a @param b of the same pictures, at least two */
export function pairedDifference(a: readonly number[], b: readonly number[]): PairedDifference {
  const count = a.length
  const differences = a.map((value, i) => value - b[i]!)
  const difference = mean(differences)
  return { mean: difference, standardError: standardError(differences), relative: difference / mean(b), count }
}

/** The standard error of the mean of values, at least two. */
export function standardError(values: readonly number[]): number {
  const middle = mean(values)
  const squares = values.reduce((sum, value) => sum + (value - middle) ** 2, 0)
  return Math.sqrt(squares / (values.length - 1) / values.length)
}
