import type { LayerSummary } from '../../../src-main/contract/inspect'

/** How far a specialist moved a layer: ‖K_m − K_0‖ / ‖K_0‖. `specialist` counts from 0, without the base. */
export function deltaSize(summary: LayerSummary, specialist: number): number | null {
  return summary.deltaNormRatio[specialist] ?? null
}

/** Mean correlation of a specialist's rows with the same rows of the base. */
export function agreementWithBase(summary: LayerSummary, specialist: number): number | null {
  return summary.meanOwnP[specialist + 1] ?? null
}

/** Mean correlation of a specialist's changes with those of the others: near 1 they agree, near −1 they are opposed. */
export function agreementWithOthers(summary: LayerSummary, specialist: number): number | null {
  const count = summary.deltaNormRatio.length
  let sum = 0
  let others = 0
  for (let other = 0; other < count; other++) {
    const correlation = summary.deltaCorrelation[specialist * count + other]
    if (other === specialist || correlation == null) continue
    sum += correlation
    others++
  }
  return others === 0 ? null : sum / others
}

/** The least correlation of two specialists' changes: what to look at first. Null with fewer than two. */
export function strongestConflict(summary: LayerSummary): number | null {
  const count = summary.deltaNormRatio.length
  let least: number | null = null
  for (let a = 0; a < count; a++) {
    for (let b = 0; b < a; b++) {
      const correlation = summary.deltaCorrelation[a * count + b]
      if (correlation != null && (least === null || correlation < least)) least = correlation
    }
  }
  return least
}

/** The largest change of all specialists. */
export function largestDelta(summary: LayerSummary): number {
  return Math.max(0, ...summary.deltaNormRatio)
}
