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

/** Which entries of P may reach the threshold beside those of the models' own rows. */
export interface Screen {
  /** P_i,own times the length of the model's row, as the product of a tile gives it [rows], per model, base first. */
  ownProducts: readonly Float32Array[]
  /** Whether some entry off the own rows may pass among these rows. */
  mayPass(model: number, rows: ComparedRows): boolean
  /** Whether only own rows pass, in all of the layer, for the models that take part. */
  ownOnly: boolean
}

/** Half a unit in the last place of float32, relative. */
const ROUNDING = 2 ** -24
/** What correlations that were summed in float64 may be off by. */
const OWN_ERROR = 1e-9
/** Base rows that resemble each other less are not told apart: rows that moved so far are compared with all. */
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
  const { layer, featureRows } = tools
  const error = (2 * featureRows.width + 64) * ROUNDING
  const reach = threshold - error > 1 ? null : Math.acos(threshold - error)
  const models = weights.flatMap((weight, model) => (weight === 0 ? [] : [model]))
  /** The least |correlation| with base row j that base row i needs to have an entry with row j of a model. */
  const needed = weights.map(() => new Float64Array(layer.rows).fill(Infinity))
  let least = Infinity
  for (const model of reach === null ? [] : models) {
    for (let row = 0; row < layer.rows; row++) {
      if (sigma[model]![row] === 0) continue // Dead: its correlations are 0.
      const correlation = model === 0 ? 1 : Math.abs(own[model - 1]![row]!)
      const angle = reach! + Math.acos(Math.min(1, Math.max(0, correlation - OWN_ERROR)))
      const cosine = angle < Math.PI / 2 ? Math.cos(angle) : 0
      needed[model]![row] = cosine
      least = Math.min(least, cosine)
    }
  }
  if (least < LEAST_COSINE) return null
  const pairs = least === Infinity ? [] : await basePairs(tools, sigma[0]!, least, yieldOrCancel)
  if (!pairs) return null
  const entries = weights.map((_, model) => entriesOf(pairs, needed[model]!))
  return {
    ownProducts,
    ownOnly: models.every((model) => entries[model]!.length === 0),
    mayPass: (model, { start, count, first, columns }) =>
      entries[model]!.some(
        ([row, column]) => row >= start && row < start + count && column >= first && column < first + columns,
      ),
  }
}

/** Entries (base row, row of the model) that pairs of base rows allow. */
function entriesOf(pairs: readonly BasePair[], needed: Float64Array): [number, number][] {
  return pairs.flatMap(({ first, second, cosine }) => [
    ...(cosine >= needed[second]! ? [[first, second] as [number, number]] : []),
    ...(cosine >= needed[first]! ? [[second, first] as [number, number]] : []),
  ])
}
