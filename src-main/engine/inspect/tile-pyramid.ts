import { closeSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { TILE_SIZE } from '../../contract/inspect'
import { makePrivateFolder, PRIVATE_FILE } from '../files/writing/permissions'
import { Kernels, type KernelBuffer } from '../tensor/kernels'

/** Rows of one level that wait until a whole row of tiles is there. */
interface Level {
  columns: number
  /** Where the rows are in memory: on level 0 they move through the band, and both are the same. */
  mean: number
  /** The values of the largest magnitude. */
  strongest: number
  meanFile: number
  strongestFile: number | null
  waiting: number
}

export interface PyramidSummary {
  levels: number
  min: number
  max: number
  histogram: number[]
  histogramMax: number
}

const HISTOGRAM_BINS = 64

/** Number of levels until one tile holds all (contract/inspect.ts, matrixSchema). */
export function pyramidLevels(rows: number, columns: number): number {
  let levels = 1
  for (let longest = Math.max(rows, columns); longest > TILE_SIZE; longest = Math.ceil(longest / 2)) levels++
  return levels
}

/**
 * Writes a matrix as tiles of all zoom levels (contract/inspect.ts, matrixSchema) while its rows come: memory is a band
 * of rows, and a row of tiles per level, whatever the matrix is. One file for each level and kind: some systems take a
 * millisecond to create one, and there are hundreds of tiles.
 */
export class TilePyramid {
  private readonly kernels: Kernels
  private readonly levels: Level[] = []
  /** u32 [bins, 4] and float32 [2, 4] (kernels.as.ts, measure). */
  private readonly counts: KernelBuffer
  private readonly extremes: KernelBuffer
  private readonly tile: KernelBuffer
  private readonly band: KernelBuffer
  /** Memory for the rows that come next, [bandRows, columns]. */
  readonly values: Float32Array

  /**
   * @param histogramMax magnitudes from there on count into the last bin
   * @param bandRows rows that come at once: whole rows of tiles, or all
   */
  constructor(
    folder: string,
    rows: number,
    columns: number,
    private readonly histogramMax: number,
    bandRows: number,
  ) {
    const widths = Array.from({ length: pyramidLevels(rows, columns) }, (_, level) => Math.ceil(columns / 2 ** level))
    const sizes = [HISTOGRAM_BINS * 16, 32, TILE_SIZE * TILE_SIZE * 4, bandRows * columns * 4]
    const levelSizes = widths.slice(1).flatMap((width) => Array<number>(2).fill(TILE_SIZE * width * 4))
    const kernels = new Kernels([...sizes, ...levelSizes].reduce((sum, size) => sum + Kernels.bufferSize(size), 0))
    this.kernels = kernels
    const [counts, extremes, tile, band] = sizes.map((size) => kernels.allocate(size))
    this.counts = counts!
    this.extremes = extremes!
    this.tile = tile!
    this.band = band!
    this.values = this.band.floats()
    this.extremes.floats().fill(Infinity, 0, 4).fill(-Infinity, 4)
    makePrivateFolder(folder)
    for (const [level, columns] of widths.entries()) {
      const [mean, strongest] = [0, 1].map(() =>
        level === 0 ? this.band.pointer : kernels.allocate(TILE_SIZE * columns * 4).pointer,
      ) as [number, number]
      const meanFile = openSync(join(folder, `${level}.mean`), 'w', PRIVATE_FILE)
      const strongestFile = level === 0 ? null : openSync(join(folder, `${level}.max`), 'w', PRIVATE_FILE)
      this.levels.push({ columns, mean, strongest, meanFile, strongestFile, waiting: 0 })
    }
  }

  /** Takes the next rows, which are in `values`: fewer than a band, or with an incomplete row of tiles, only at the end. */
  add(count: number): void {
    const level = this.levels[0]!
    for (let row = 0; row < count; row += TILE_SIZE) {
      level.mean = level.strongest = this.band.pointer + row * level.columns * 4
      level.waiting = Math.min(TILE_SIZE, count - row)
      this.flush(0)
    }
  }

  /** Closes the files; to be called whatever happened. */
  close(): void {
    for (const { meanFile, strongestFile } of this.levels) {
      closeSync(meanFile)
      if (strongestFile !== null) closeSync(strongestFile)
    }
  }

  /** Writes what waits. */
  finish(): PyramidSummary {
    for (let level = 0; level < this.levels.length; level++) if (this.levels[level]!.waiting > 0) this.flush(level)
    const counts = new Uint32Array(this.counts.bytes().buffer, this.counts.pointer, HISTOGRAM_BINS * 4)
    const histogram = Array.from({ length: HISTOGRAM_BINS }, (_, bin) =>
      counts.subarray(4 * bin, 4 * bin + 4).reduce((sum, count) => sum + count, 0),
    )
    const [least, largest] = [this.extremes.floats(4), this.extremes.floats(4, 4)]
    return {
      levels: this.levels.length,
      min: Math.min(...least),
      max: Math.max(...largest),
      histogram,
      histogramMax: this.histogramMax,
    }
  }

  /** Writes the waiting row of tiles of a level and hands its halves on to the next. */
  private flush(index: number): void {
    const level = this.levels[index]!
    if (index === 0) this.measure(level)
    this.write(level, level.mean, level.meanFile)
    if (level.strongestFile !== null) this.write(level, level.strongest, level.strongestFile)
    const next = this.levels[index + 1]
    if (next) {
      this.halve(level, next)
      if (next.waiting === TILE_SIZE) this.flush(index + 1)
    }
    level.waiting = 0
  }

  private measure({ mean, columns, waiting }: Level): void {
    const perBin = HISTOGRAM_BINS / this.histogramMax
    const { counts, extremes } = this
    this.kernels.run.measure(mean, waiting * columns, perBin, HISTOGRAM_BINS, counts.pointer, extremes.pointer)
  }

  private write({ columns, waiting }: Level, values: number, file: number): void {
    for (let first = 0; first < columns; first += TILE_SIZE) {
      const width = Math.min(TILE_SIZE, columns - first)
      this.kernels.run.gather(values + first * 4, columns * 4, this.tile.pointer, width * 4, waiting)
      writeSync(file, this.tile.bytes(width * waiting * 4))
    }
  }

  /**
   * Appends a level's waiting rows to the next level at half the size: means, and values of the largest magnitude. What
   * has no neighbour at an edge counts twice, which changes neither.
   */
  private halve({ columns, waiting, mean, strongest }: Level, next: Level): void {
    const { run } = this.kernels
    for (let row = 0; row < waiting; row += 2, next.waiting++) {
      const above = row * columns * 4
      const below = Math.min(row + 1, waiting - 1) * columns * 4
      const into = next.waiting * next.columns * 4
      run.halveToMeans(mean + above, mean + below, columns, next.mean + into)
      run.halveToStrongest(strongest + above, strongest + below, columns, next.strongest + into)
    }
  }
}
