import { matchesLarger } from '../../runtime/product-sessions'
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

/** Rows of all models, stacked, that are multiplied by base rows at a time: a little more than matchesLarger asks for. */
const STACKED_ROWS = 96
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

/**
 * Whether products of a layer may be left out: its smallest ones are added up as large ones are.
 * @param width of its feature rows
 */
export function canScreen(layer: LayerRows, width: number): boolean {
  const sizes = blockSizes(layer, width)
  const rows = stackedRows(layer, sizes)
  const products = [{ rows, columns: rows * layer.models }, smallestTile(layer, sizes)]
  return layer.rowsAreApart !== true && products.every((product) => matchesLarger({ ...product, inner: width }))
}

/** Sizes of the smallest product of a layer. */
function smallestTile(layer: LayerRows, { block, columns, tile }: BlockSizes): { rows: number; columns: number } {
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

/**
 * What a layer is worked on in: all of it, or only what it takes as long as none but the models' own rows take part, which
 * is so little that every thread can have it.
 */
export type Room = 'all' | 'own-rows'

/** Takes the buffers of a layer; what `kernels` handed out before must no longer be used. */
export function fusionBuffers(
  layer: LayerRows,
  sampled: boolean,
  width: number,
  kernels: Kernels,
  room: Room,
): FusionBuffers {
  kernels.reset()
  const [scratch, left, merged, product, weights, features] = bufferBytes(layer, sampled, width, room).map((bytes) =>
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
export function fusionMemory(layer: LayerRows, sampled: boolean, width: number, room: Room): number {
  return bufferBytes(layer, sampled, width, room).reduce((sum, bytes) => sum + Kernels.bufferSize(bytes), 0)
}

/** scratch, left, merged, product, weights[, features] */
function bufferBytes(layer: LayerRows, sampled: boolean, width: number, room: Room): number[] {
  return room === 'all' ? allBytes(layer, sampled, width) : ownRowsBytes(layer, sampled, width)
}

function allBytes(layer: LayerRows, sampled: boolean, width: number): number[] {
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

/** Rows whose leading coordinates are multiplied by each other at a time (base-pairs.ts). */
export const PAIR_TILE = { rows: 256, columns: 1280 }
/** Leading coordinates of base rows that are held for that, at most. */
const LEADING_BYTES = 64 * 1024 * 1024

function ownRowsBytes(layer: LayerRows, sampled: boolean, width: number): number[] {
  const sizes = blockSizes(layer, width)
  const stacked = stackedRows(layer, sizes)
  const ownRows = ownRowsAtOnce(layer, sizes)
  const pairs = PAIR_TILE.rows * Math.min(PAIR_TILE.columns, layer.rows) * 4
  const weights = Math.max(stacked * layer.models * layer.inputs * 4, ownRows * layer.inputs * 4, pairs)
  const loaded = Math.max(
    stacked,
    ownRows,
    Math.min(PAIR_TILE.rows, layer.rows, Math.floor(weights / 4 / layer.inputs)),
  )
  return [
    layer.scratchBytes(loaded),
    stacked * width * 4,
    Math.max(ownRows * layer.inputs * 8, Math.min(LEADING_BYTES, layer.rows * width * 4)),
    Math.max(layer.inputs, width) * 4,
    weights,
    ...(sampled ? [Math.max(stacked * layer.models, loaded) * width * 4] : []),
  ]
}
