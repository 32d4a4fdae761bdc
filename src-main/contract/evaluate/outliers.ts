/** How many times as far from the middle as most values a value is drawn at most. */
const SPREAD = 3

/**
 * Where a chart of magnitudes ends, so that one outlier does not press all others together: the largest value, or less
 * where that lies far beyond the rest.
 * @param values at least 0
 */
export function chartLimit(values: readonly number[]): number {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b)
  if (sorted.length === 0) return 1
  const at = (share: number): number => sorted[Math.round(share * (sorted.length - 1))]!
  const limit = at(0.75) + SPREAD * (at(0.75) - at(0.25))
  const largest = sorted.at(-1)!
  // Values that are all alike have no outliers but those that are far from all of them.
  return largest <= Math.max(limit, 1.5 * at(0.75)) ? largest : Math.max(limit, at(0.75) * 1.1)
}

/** The change that has a cell's full colour: what four of five reach at most. */
export function fullColourChange(changes: readonly number[]): number {
  const sorted = changes
    .map(Math.abs)
    .filter(Number.isFinite)
    .sort((a, b) => a - b)
  const found = sorted[Math.floor(0.8 * (sorted.length - 1))] ?? 0
  return Math.min(1, Math.max(0.02, found))
}
