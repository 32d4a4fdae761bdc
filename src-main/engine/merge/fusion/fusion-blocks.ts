import { Kernels, type KernelBuffer } from '../../tensor/kernels'
import type { LayerRows } from './layer-rows'

/** Base rows per product: enough that packing the other factor for the processor costs little. */
export const TILE_ROWS = 640
/** Rows of a model per product: P and its relatives of one tile stay below 8 MB each. */
export const TILE_COLUMNS = 2560
/** Weights held of base rows (float32) and of merged rows (float64): 64 and 128 MB. */
const BLOCK_ELEMENTS = 16 * 1024 * 1024

export interface BlockSizes {
  /** Base rows that are held. */
  block: number
  /** Rows of a model per product. */
  columns: number
  /** Base rows per product. */
  tile: number
}

/** Sizes of the blocks in which a layer is worked on: constants of its shape alone, so that results repeat. */
export function blockSizes(layer: LayerRows, width: number): BlockSizes {
  const longest = Math.max(layer.inputs, width)
  const fitting = Math.max(1, Math.floor(BLOCK_ELEMENTS / longest))
  const columns = Math.min(layer.rows, TILE_COLUMNS, fitting)
  return { block: Math.min(layer.rows, fitting), columns, tile: Math.min(layer.rows, TILE_ROWS, fitting) }
}

/** Rows of all models, stacked, that are multiplied by base rows at a time: enough for two threads. */
const STACKED_ROWS = 160
/** Elements of merged rows (float64) that stay in a processor's second-level cache. */
const CACHED_ELEMENTS = 65_536

/** Base rows that are merged at a time where only the models' own rows take part. */
export function ownRowsAtOnce(layer: LayerRows, { columns, block }: BlockSizes): number {
  return Math.max(1, Math.min(columns, block, Math.floor(CACHED_ELEMENTS / layer.inputs)))
}

/** Rows of every model that fit under each other in the memory of a model's rows. */
export function stackedRows(layer: LayerRows, { columns, tile }: BlockSizes): number {
  const fitting = Math.floor(Math.max(columns, tile) / layer.models)
  return Math.min(layer.rows, fitting, Math.ceil(STACKED_ROWS / layer.models))
}

/** Sizes of the smallest product of a layer. */
export function smallestTile(
  layer: LayerRows,
  { block, columns, tile }: BlockSizes,
): { rows: number; columns: number } {
  const last = (whole: number, part: number): number => (whole % part === 0 ? part : whole % part)
  const blocks = layer.rows > block ? [block, last(layer.rows, block)] : [layer.rows]
  return { rows: Math.min(...blocks.map((count) => last(count, tile))), columns: last(layer.rows, columns) }
}

/** What a layer is worked on in. */
export interface FusionBuffers {
  /** Rows as their file stores them. */
  scratch: KernelBuffer
  /** Base feature rows of unit length [block, width]. */
  left: KernelBuffer
  /** Merged rows [block, inputs], float64. */
  merged: KernelBuffer
  /** A product's rows [tile, inputs or width]. */
  product: KernelBuffer
  /** Rows of a model [columns, inputs], and their features [columns, width]: the same for exact statistics. */
  weights: KernelBuffer
  features: KernelBuffer
}

/** Takes the buffers of a layer; what `kernels` handed out before must no longer be used. */
export function fusionBuffers(layer: LayerRows, sampled: boolean, width: number, kernels: Kernels): FusionBuffers {
  kernels.reset()
  const [scratch, left, merged, product, weights, features] = bufferBytes(layer, sampled, width).map((bytes) =>
    kernels.allocate(bytes),
  )
  return {
    scratch: scratch!,
    left: left!,
    merged: merged!,
    product: product!,
    weights: weights!,
    features: features ?? weights!,
  }
}

/** Memory that a Kernels object needs for `fusionBuffers`. */
export function fusionMemory(layer: LayerRows, sampled: boolean, width: number): number {
  return bufferBytes(layer, sampled, width).reduce((sum, bytes) => sum + Kernels.bufferSize(bytes), 0)
}

/** scratch, left, merged, product, weights[, features] */
function bufferBytes(layer: LayerRows, sampled: boolean, width: number): number[] {
  const { block, columns, tile } = blockSizes(layer, width)
  const loaded = Math.max(columns, tile)
  return [
    layer.scratchBytes(loaded),
    block * width * 4,
    block * layer.inputs * 8,
    tile * Math.max(layer.inputs, width) * 4,
    loaded * layer.inputs * 4,
    ...(sampled ? [loaded * width * 4] : []),
  ]
}
