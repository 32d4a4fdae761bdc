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
  const mean = differences.reduce((sum, value) => sum + value, 0) / count
  const squares = differences.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  const reference = b.reduce((sum, value) => sum + value, 0) / count
  return { mean, standardError: Math.sqrt(squares / (count - 1) / count), relative: mean / reference, count }
}
