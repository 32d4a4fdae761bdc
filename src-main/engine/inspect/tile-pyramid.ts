import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { TILE_SIZE } from '../../contract/inspect'
import type { MatrixBand } from './correlation-matrix'

/** Rows of one level that wait until a whole row of tiles is there. */
interface Level {
  columns: number
  rows: number
  mean: Float32Array
  /** The value of the largest magnitude; on level 0 the values themselves, so only `mean` is kept. */
  largest: Float32Array | null
  waiting: number
  /** Tile rows written. */
  written: number
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
 * Writes a matrix as tiles of all zoom levels (contract/inspect.ts, matrixSchema) while its rows come: memory is a row of
 * tiles per level, whatever the matrix is.
 */
export class TilePyramid {
  private readonly levels: Level[] = []
  private readonly writes: Promise<void>[] = []
  private min = Infinity
  private max = -Infinity
  private readonly histogram = new Uint32Array(HISTOGRAM_BINS)

  /** @param histogramMax magnitudes from there on count into the last bin */
  constructor(
    private readonly folder: string,
    rows: number,
    columns: number,
    private readonly histogramMax: number,
  ) {
    const count = pyramidLevels(rows, columns)
    for (let level = 0, height = rows, width = columns; level < count; level++) {
      const size = TILE_SIZE * width
      this.levels.push({
        columns: width,
        rows: height,
        mean: new Float32Array(size),
        largest: level === 0 ? null : new Float32Array(size),
        waiting: 0,
        written: 0,
      })
      height = Math.ceil(height / 2)
      width = Math.ceil(width / 2)
    }
  }

  /** Takes the next rows. */
  async add({ count, values }: MatrixBand): Promise<void> {
    const [level] = this.levels
    this.count(values)
    for (let row = 0; row < count;) {
      const taken = Math.min(count - row, TILE_SIZE - level!.waiting)
      const { columns } = level!
      level!.mean.set(values.subarray(row * columns, (row + taken) * columns), level!.waiting * columns)
      level!.waiting += taken
      row += taken
      if (level!.waiting === TILE_SIZE) await this.flush(0)
    }
  }

  /** Writes what waits. */
  async finish(): Promise<PyramidSummary> {
    for (let level = 0; level < this.levels.length; level++)
      if (this.levels[level]!.waiting > 0) await this.flush(level)
    await Promise.all(this.writes)
    const { min, max, histogram, histogramMax } = this
    return { levels: this.levels.length, min, max, histogram: [...histogram], histogramMax }
  }

  private count(values: Float32Array): void {
    const { histogram } = this
    const perBin = HISTOGRAM_BINS / this.histogramMax
    let { min, max } = this
    for (let i = 0; i < values.length; i++) {
      const value = values[i]!
      if (value < min) min = value
      if (value > max) max = value
      histogram[Math.min(HISTOGRAM_BINS - 1, Math.abs(value) * perBin) | 0]!++
    }
    this.min = min
    this.max = max
  }

  /** Writes the waiting row of tiles of a level and hands its halves on to the next. */
  private async flush(index: number): Promise<void> {
    const level = this.levels[index]!
    const { columns, waiting, mean, largest } = level
    await mkdir(join(this.folder, String(index)), { recursive: true })
    for (let first = 0; first < columns; first += TILE_SIZE) {
      const width = Math.min(TILE_SIZE, columns - first)
      const name = join(this.folder, String(index), `${level.written}-${first / TILE_SIZE}`)
      this.writes.push(writeFile(`${name}.mean`, cutTile(mean, columns, first, width, waiting)))
      if (largest) this.writes.push(writeFile(`${name}.max`, cutTile(largest, columns, first, width, waiting)))
    }
    const next = this.levels[index + 1]
    if (next) {
      halve(level, next)
      if (next.waiting === TILE_SIZE) await this.flush(index + 1)
    }
    level.written++
    level.waiting = 0
  }
}

function cutTile(values: Float32Array, columns: number, first: number, width: number, height: number): Uint8Array {
  const tile = new Float32Array(width * height)
  for (let row = 0; row < height; row++) {
    tile.set(values.subarray(row * columns + first, row * columns + first + width), row * width)
  }
  return new Uint8Array(tile.buffer)
}

/**
 * Appends a level's waiting rows to the next level at half the size: means, and values of the largest magnitude. What
 * has no neighbour at an edge counts twice, which changes neither.
 */
function halve(level: Level, next: Level): void {
  const { columns, waiting, mean } = level
  const largest = level.largest ?? mean
  const height = Math.ceil(waiting / 2)
  for (let row = 0; row < height; row++) {
    const above = 2 * row * columns
    const below = Math.min(2 * row + 1, waiting - 1) * columns
    const into = (next.waiting + row) * next.columns
    for (let column = 0; column < next.columns; column++) {
      const left = 2 * column
      const right = Math.min(left + 1, columns - 1)
      const [a, b, c, d] = [above + left, above + right, below + left, below + right]
      next.mean[into + column] = (mean[a]! + mean[b]! + (mean[c]! + mean[d]!)) / 4
      next.largest![into + column] = stronger(stronger(largest[a]!, largest[b]!), stronger(largest[c]!, largest[d]!))
    }
  }
  next.waiting += height
}

/** The value of the larger magnitude. */
function stronger(first: number, second: number): number {
  return Math.abs(second) > Math.abs(first) ? second : first
}
