import { z } from 'zod'
import { modelIdentitySchema } from './document/names/model-identity'
import { NORMALISERS } from './document/project'

const perModel = z.array(z.number())

/** How a normaliser behaves on a layer (method.md, 'Normalisation and merge'). */
const normaliserReport = z.object({
  minZ: z.number(),
  /** Largest and mean condition number of the rows; 1: nothing cancels. */
  maxKappa: z.number(),
  meanKappa: z.number(),
  /** Share of every model, base first; sums to 1. */
  shares: perModel,
})

/** One layer of the overview. `models` = base and the enabled specialists in the project's order, base first. */
export const layerSummarySchema = z.object({
  /** The weight's name in diffusers' form. */
  layer: z.string(),
  component: z.string(),
  block: z.string(),
  rows: z.number(),
  inputs: z.number(),
  /** Per specialist: ‖K_m − K_0‖ / ‖K_0‖. */
  deltaNormRatio: perModel,
  /** ‖K_0‖. */
  baseNorm: z.number(),
  /** [specialists × specialists]: cosine of the deltas; null where a delta is 0. */
  deltaCosine: z.array(z.number().nullable()),
  /** [specialists × specialists], rows after one another: Pearson correlation of the deltas; null where a delta is 0. */
  deltaCorrelation: z.array(z.number().nullable()),
  /**
   * [specialists × specialists]: how far the rows differ in that: standard deviation over rows of the cosine of the
   * deltas' rows; null where no row of a delta is changed.
   */
  deltaRowSpread: z.array(z.number().nullable()),
  /** [models × models]: cosine of the raw weights. */
  weightCosine: perModel,
  /** Per model: mean over base rows of the largest |P|, of all |P|, and of P at the model's own row. */
  meanMaxAbsP: perModel,
  meanAbsP: perModel,
  meanOwnP: perModel,
  /** Per model: share of the base rows whose largest |P| is at the model's own row. */
  ownRowIsBest: perModel,
  deadBaseRows: z.number(),
  normalisers: z.record(z.enum(NORMALISERS), normaliserReport),
})

/** Inspected layers, as far as they are there. */
export const inspectionSchema = z.object({
  /** null: nothing was computed for these models. */
  job: z.string().nullable(),
  /** Milliseconds since 1970, of the start. */
  time: z.number(),
  /** inspectionKey of the project. */
  key: z.string(),
  /** Base first. */
  models: z.array(modelIdentitySchema),
  rows: z.array(layerSummarySchema),
  /** Whether all layers are there. */
  complete: z.boolean(),
})

export const MATRIX_KINDS = ['P', 'S', 'C'] as const

/** Edge of a tile in values. */
export const TILE_SIZE = 256

/**
 * A matrix [rows, columns] of a layer as a pyramid of tiles. Level 0 holds the values (of a draft those of every
 * `stride`-th row and column, a divisor of `rows`), every further level halves both sides (rounding up), until one tile holds all. A tile is little-endian float32, row-major, `TILE_SIZE` wide and high
 * except at the right and lower edges, where it is as wide and high as what is left. A level's tiles lie in one file,
 * one row of tiles after another: `${url}/${level}.mean/${start}-${end}` are the bytes of a tile (tilePlace), and from
 * level 1 on `.max` (the value of the largest magnitude).
 */
export const matrixSchema = z.object({
  layer: z.string(),
  matrix: z.enum(MATRIX_KINDS),
  /** Names of the models, base first: column c belongs to model c div rows, its row c mod rows. */
  models: z.array(z.string()),
  rows: z.number(),
  columns: z.number(),
  /** 1: the whole matrix. */
  stride: z.number(),
  levels: z.number(),
  min: z.number(),
  max: z.number(),
  /** Counts of |value| in equal bins from 0 to `histogramMax`. */
  histogram: z.array(z.number()),
  histogramMax: z.number(),
  url: z.string(),
})

/**
 * Weights by which every specialist has an equal part in what the merge changes (engine/inspect/suggest-weights.ts), of
 * one block or of the network.
 */
export const weightAdviceSchema = z.object({
  /** null: all blocks without weights of their own. */
  block: z.string().nullable(),
  /** False: other weights would not help; the reason says why. */
  suggested: z.boolean(),
  /** Those that take part: the others hardly change these layers, or have no weight. */
  specialists: z.array(
    z.object({
      name: z.string(),
      weight: z.number(),
      /** Equal to `weight` where nothing is suggested. */
      suggestedWeight: z.number(),
      /** Of the merged change with today's weights; parts sum to 1, below 0 the merge moves against it. */
      part: z.number(),
    }),
  ),
  /** Least cosine of the merged change with a specialist's own: less is more conflict. */
  agreement: z.object({ now: z.number(), suggested: z.number() }),
  /** A sentence or two. */
  reason: z.string(),
})

/** Size of a tile and where it lies in its level's file, in bytes, `end` left out. */
export function tilePlace(
  matrix: { rows: number; columns: number; stride: number },
  level: number,
  tileRow: number,
  tileColumn: number,
): { rows: number; columns: number; start: number; end: number } {
  const [height, width] = [matrix.rows, matrix.columns].map((side) => Math.ceil(side / matrix.stride / 2 ** level)) as [
    number,
    number,
  ]
  const [top, left] = [tileRow * TILE_SIZE, tileColumn * TILE_SIZE]
  const rows = Math.min(TILE_SIZE, height - top)
  const columns = Math.min(TILE_SIZE, width - left)
  const start = 4 * (top * width + rows * left)
  return { rows, columns, start, end: start + 4 * rows * columns }
}

export type Inspection = z.infer<typeof inspectionSchema>
export type LayerSummary = z.infer<typeof layerSummarySchema>
export type WeightAdvice = z.infer<typeof weightAdviceSchema>
export type MatrixKind = (typeof MATRIX_KINDS)[number]
export type MatrixInfo = z.infer<typeof matrixSchema>

export const NO_INSPECTION: Inspection = { job: null, time: 0, key: '', models: [], rows: [], complete: false }
