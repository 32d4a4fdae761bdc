import type { YieldOrCancel } from '../../cancel'
import { basePairs, type BasePair, type PairTools } from './base-pairs'
import type { MeasuredRows } from './statistics'

/** Rows of base and model that one product compares. */
export interface ComparedRows {
  start: number
  count: number
  /** Of the model. */
  first: number
  columns: number
}

/** An entry of P: a base row, and a row of a model. */
export type Entry = readonly [row: number, column: number]

/** Which entries of P may reach the threshold beside those of the models' own rows: plain data, for any thread. */
export interface Screen {
  /** P_i,own times the length of the model's row, as the product of a tile gives it [rows], per model, base first. */
  ownProducts: readonly Float32Array[]
  /** Entries off the own rows that may pass, per model; null where any may. */
  entries: readonly (readonly Entry[] | null)[]
}

/** Whether some entry off the own rows may pass among these rows. */
export function mayPass({ entries }: Screen, model: number, { start, count, first, columns }: ComparedRows): boolean {
  const own = entries[model]!
  if (own === null) return true
  return own.some(([row, column]) => row >= start && row < start + count && column >= first && column < first + columns)
}

/** Whether only own rows pass, in all of the layer, of the models that have a weight. */
export function isOwnOnly(screen: Screen | null, weights: readonly number[]): boolean {
  return weights.every((weight, model) => weight === 0 || passesOwnOnly(screen, model))
}

/** Whether only own rows of a model pass, in all of the layer. */
export function passesOwnOnly(screen: Screen | null, model: number): boolean {
  return screen?.entries[model]?.length === 0
}

/** Half a unit in the last place of float32, relative. */
const ROUNDING = 2 ** -24
/** What correlations that were summed in float64 may be off by. */
const OWN_ERROR = 1e-9
/** Base rows that resemble each other less are not told apart: a model whose rows moved so far is compared with all. */
const LEAST_COSINE = 0.4

/**
 * Finds the entries of P that may reach τ, from the base's rows alone: a model's row at an angle θ to the base's row j
 * can only be within arccos τ of base row i if base rows i and j are within arccos τ + θ of each other. Both angles are
 * taken as wide as rounding can make them, so no entry is lost.
 * @returns null where all products have to be computed
 */
export async function screenOf(
  tools: PairTools,
  { sigma, own, ownProducts }: MeasuredRows,
  threshold: number,
  weights: readonly number[],
  yieldOrCancel: YieldOrCancel,
): Promise<Screen | null> {
  if (!ownProducts) return null
  const { featureRows } = tools
  const error = (2 * featureRows.width + 64) * ROUNDING
  const reach = threshold - error > 1 ? null : Math.acos(threshold - error)
  const needed = weights.map((weight, model) => {
    const correlations = model === 0 ? null : own[model - 1]!
    return weight === 0 || reach === null ? null : neededCosines(sigma[model]!, correlations, reach)
  })
  const isFar = needed.map((cosines) => cosines !== null && cosines.least < LEAST_COSINE)
  if (isFar.every((far, model) => far || weights[model] === 0)) return null
  const least = Math.min(...needed.map((cosines, model) => (isFar[model] ? Infinity : (cosines?.least ?? Infinity))))
  const pairs = least === Infinity ? [] : await basePairs(tools, sigma[0]!, least, yieldOrCancel)
  if (!pairs) return null
  const entries = needed.map((cosines, model) => {
    if (isFar[model]) return null
    return cosines ? entriesOf(pairs, cosines.ofRows) : []
  })
  return { ownProducts, entries }
}

/**
 * The |correlation| with base row j from which a base row may have an entry with row j of a model.
 * @param reach arccos τ
 * @param correlation |P_j,own|
 */
function neededCosine(reach: number, correlation: number): number {
  const angle = reach + Math.acos(Math.min(1, Math.max(0, correlation - OWN_ERROR)))
  return angle < Math.PI / 2 ? Math.cos(angle) : 0
}

/** Whether a model's row is so near to the base's own that base rows are told apart for it; parameters as above. */
export function isNear(reach: number, correlation: number): boolean {
  return neededCosine(reach, correlation) >= LEAST_COSINE
}

/** neededCosine of every row of a model, and the least of them. */
interface NeededCosines {
  ofRows: Float64Array
  least: number
}

/** @param correlations of the model's rows with the base's own; null for the base itself */
function neededCosines(sigma: Float64Array, correlations: Float64Array | null, reach: number): NeededCosines {
  const ofRows = new Float64Array(sigma.length).fill(Infinity)
  let least = Infinity
  for (let row = 0; row < ofRows.length; row++) {
    if (sigma[row] === 0) continue // Dead: its correlations are 0.
    const cosine = neededCosine(reach, correlations ? Math.abs(correlations[row]!) : 1)
    ofRows[row] = cosine
    least = Math.min(least, cosine)
  }
  return { ofRows, least }
}

/** Entries (base row, row of the model) that pairs of base rows allow. */
function entriesOf(pairs: readonly BasePair[], needed: Float64Array): Entry[] {
  return pairs.flatMap(({ first, second, cosine }) => [
    ...(cosine >= needed[second]! ? [[first, second] as const] : []),
    ...(cosine >= needed[first]! ? [[second, first] as const] : []),
  ])
}
