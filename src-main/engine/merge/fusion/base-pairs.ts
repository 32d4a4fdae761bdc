import type { YieldOrCancel } from '../../cancel'
import type { Kernels } from '../../tensor/kernels'
import { PAIR_TILE, type FusionBuffers } from './fusion-blocks'
import type { LayerRows } from './layer-rows'
import type { FeatureRows, FusionSessions } from './statistics'

/** Two base rows that resemble each other. */
export interface BasePair {
  first: number
  second: number
  /** |correlation|, at most this much. */
  cosine: number
}

/** What looking for pairs of base rows takes. */
export interface PairTools {
  layer: LayerRows
  featureRows: FeatureRows
  sessions: FusionSessions
  kernels: Kernels
  buffers: FusionBuffers
}

/** Coordinates are taken in steps of so many. */
const STEP = 64
/** Pairs that are looked at one by one, per row of the layer; with more, all products cost less. */
const PAIRS_PER_ROW = 4
/** Half a unit in the last place of float32, relative. */
const ROUNDING = 2 ** -24
/** What a row of length 1 in float32 may have too much or too little in its square. */
const UNIT_ERROR = 1e-6

/**
 * All pairs of base rows whose |correlation| may be `least` or more; null where there are too many to tell them apart.
 *
 * Of every row u of length 1 only the leading coordinates Pu are multiplied: |u·v| ≤ |Pu·Pv| + |Qu| |Qv|, where Qu are the
 * remaining ones. Pairs whose bound reaches `least` are then multiplied whole. What float32 rounds is part of the bound.
 * @param sigma lengths of the base's feature rows
 */
export async function basePairs(
  tools: PairTools,
  sigma: Float64Array,
  least: number,
  yieldOrCancel: YieldOrCancel,
): Promise<BasePair[] | null> {
  const { layer, featureRows, kernels, buffers } = tools
  const { rows } = layer
  const leading = leadingCoordinates(featureRows.width, least)
  const size = { lead: rows * leading * 4, rest: rows * 4 }
  const most = rows * PAIRS_PER_ROW
  // The memory of merged rows is free until rows are merged.
  const lead = buffers.merged
  if (size.lead > lead.byteLength || buffers.weights.byteLength < PAIR_TILE.rows * 4) return null
  const rest = kernels.allocateMore(size.rest)
  const found = kernels.allocateMore(most * 4)
  await loadLeading(tools, sigma, leading, rest.pointer)
  const slack = (leading + 64) * ROUNDING + UNIT_ERROR
  const tile = Math.min(PAIR_TILE.rows, rows)
  const width = Math.min(rows, PAIR_TILE.columns, Math.floor(buffers.weights.byteLength / 4 / tile))
  const candidates: [number, number][] = []
  for (let start = 0; start < rows; start += tile) {
    const count = Math.min(tile, rows - start)
    for (let first = start; first < rows; first += width) {
      await yieldOrCancel()
      const columns = Math.min(width, rows - first)
      const session = await tools.sessions.products({ rows: count, columns, width: leading })
      await session.run(
        {
          left: { data: lead.floats(count * leading, start * leading), dims: [count, leading] },
          right: { data: lead.floats(columns * leading, first * leading), dims: [columns, leading] },
        },
        { products: { data: buffers.weights.floats(count * columns), dims: [count, columns] } },
      )
      const pairs = kernels.run.pairsAbove(
        buffers.weights.pointer,
        rest.pointer + start * 4,
        rest.pointer + first * 4,
        count,
        columns,
        start - first,
        least - slack,
        found.pointer,
        most - candidates.length,
      )
      if (pairs > most - candidates.length) return null
      for (const at of found.integers(pairs))
        candidates.push([start + Math.floor(at / columns), first + (at % columns)])
    }
  }
  return resembling(tools, sigma, candidates, least)
}

/**
 * How many coordinates are enough for rows that resemble each other by chance alone: 1 − p/d of the square is left, and
 * of millions of pairs only some are so many times the deviations of a product (√p/d) and of what is left (√2p/d) above.
 * A guess costs time where it fails, never an entry.
 */
function leadingCoordinates(width: number, least: number): number {
  for (let count = STEP; count < 0.8 * width; count += STEP) {
    const chance = (4 * Math.sqrt(count) + 2 * Math.sqrt(2 * count)) / width
    if (1 - count / width + chance < least) return count
  }
  return width
}

/** The leading coordinates of all unit base rows into the memory of merged rows, and |Qu| of each to `rest`. */
async function loadLeading(
  { layer, featureRows, kernels, buffers }: PairTools,
  sigma: Float64Array,
  leading: number,
  rest: number,
): Promise<void> {
  const { width } = featureRows
  const { weights, features, scratch, merged } = buffers
  const block = Math.max(1, Math.min(PAIR_TILE.rows, Math.floor(weights.byteLength / 4 / layer.inputs)))
  for (let start = 0; start < layer.rows; start += block) {
    const count = Math.min(block, layer.rows - start)
    const loaded = await featureRows.load(0, start, count, weights, features, scratch)
    const lead = merged.pointer + start * leading * 4
    kernels.run.gather(loaded.pointer, width * 4, lead, leading * 4, count)
    const rests = new Float32Array(kernels.run.memory.buffer, rest + start * 4, count)
    for (let row = 0; row < count; row++) {
      const length = sigma[start + row]!
      const at = lead + row * leading * 4
      kernels.run.scale(at, leading, length > 0 ? 1 / length : 0)
      const left = leading === width || length === 0 ? 0 : 1 - kernels.run.dot(at, at, leading)
      // Rounded up: float32 has no more than this below it.
      rests[row] = Math.sqrt(Math.max(0, left) + UNIT_ERROR) * (1 + 2 * ROUNDING)
    }
  }
}

/** Of pairs of base rows those whose whole product reaches `least`. */
async function resembling(
  { layer, featureRows, kernels, buffers }: PairTools,
  sigma: Float64Array,
  candidates: readonly [number, number][],
  least: number,
): Promise<BasePair[]> {
  const { width } = featureRows
  const { weights, features, left, product, scratch } = buffers
  // Features of a row come out a little different where they are computed for that row alone.
  const error = (layer.inputs + 64) * ROUNDING
  const load = async (row: number, into: typeof left): Promise<typeof left> => {
    const loaded = await featureRows.load(0, row, 1, weights, features, scratch)
    into.floats(width).set(loaded.floats(width))
    return into
  }
  const pairs: BasePair[] = []
  let held = -1
  for (const [first, second] of candidates) {
    if (sigma[first] === 0 || sigma[second] === 0) continue
    if (held !== first) await load(first, left)
    held = first
    await load(second, product)
    const product64 = kernels.run.dot(left.pointer, product.pointer, width)
    const cosine = Math.abs(product64) / (sigma[first]! * sigma[second]!) + error
    if (cosine >= least) pairs.push({ first, second, cosine })
  }
  return pairs
}
