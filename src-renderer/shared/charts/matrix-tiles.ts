/** What stands for entries that share a cell: their mean, or the one of largest magnitude, with its sign. */
export type Reduction = 'mean' | 'extreme'

/** A block of a matrix's values, reduced by 2^level in both directions. */
export interface MatrixTile {
  rows: number
  columns: number
  /** One for every reduced cell, row-major. */
  values: Float32Array
}

/** Which tile; on level 0 every reduction is the same. */
export interface TileAddress {
  level: number
  row: number
  column: number
  reduction: Reduction
}

/** A matrix that is looked at in tiles. */
export interface MatrixSource {
  /** Changes when the matrix is another one; a draft of it has the same. */
  key: string
  rows: number
  columns: number
  /** A draft has every stride-th row and column alone; 1: all. */
  stride: number
  tileSize: number
  /** Coarsest level there is. */
  maxLevel: number
  load(tile: TileAddress, signal: AbortSignal): Promise<MatrixTile>
}

const KEPT_TILES = 192

interface Entry {
  tile: MatrixTile | null
  failed: boolean
  abort: AbortController
}

/** Loads tiles once, keeps the most recently used, drops what is no longer wanted. */
export class TileStore {
  #entries = new Map<string, Entry>()

  constructor(
    readonly source: MatrixSource,
    private readonly changed: () => void,
  ) {}

  /** The tile if it is here; otherwise it is asked for. */
  get(address: TileAddress): MatrixTile | null {
    const key = keyOf(address)
    const known = this.#entries.get(key)
    if (known) {
      this.#entries.delete(key)
      this.#entries.set(key, known)
      return known.tile
    }
    const entry: Entry = { tile: null, failed: false, abort: new AbortController() }
    this.#entries.set(key, entry)
    this.source.load(address, entry.abort.signal).then(
      (tile) => {
        entry.tile = tile
        this.changed()
      },
      () => (entry.failed = true),
    )
    this.#evict()
    return null
  }

  /** A tile that is here already, without asking for it. */
  peek(address: TileAddress): MatrixTile | null {
    return this.#entries.get(keyOf(address))?.tile ?? null
  }

  dispose(): void {
    for (const entry of this.#entries.values()) entry.abort.abort()
    this.#entries.clear()
  }

  #evict(): void {
    for (const [key, entry] of this.#entries) {
      if (this.#entries.size <= KEPT_TILES) return
      entry.abort.abort()
      this.#entries.delete(key)
    }
  }
}

function keyOf({ level, row, column, reduction }: TileAddress): string {
  return `${level}/${row}/${column}/${level === 0 ? 'entries' : reduction}`
}

/** What part of the matrix is in sight: its first cell and the pixels that one cell takes. */
export interface Viewport {
  x: number
  y: number
  scaleX: number
  scaleY: number
}

/** The whole matrix in the window, stretched: n × N·n matrices are far wider than tall. */
export function fitViewport(rows: number, columns: number, width: number, height: number): Viewport {
  return { x: 0, y: 0, scaleX: width / columns, scaleY: height / rows }
}

const MAX_SCALE = 48

/** Zooms about a point (pixels), and keeps the matrix in the window. */
export function zoomViewport(
  view: Viewport,
  factor: number,
  at: { x: number; y: number },
  rows: number,
  columns: number,
  width: number,
  height: number,
): Viewport {
  const fit = fitViewport(rows, columns, width, height)
  const scaleX = Math.min(Math.max(MAX_SCALE, fit.scaleX), Math.max(fit.scaleX, view.scaleX * factor))
  const scaleY = Math.min(Math.max(MAX_SCALE, fit.scaleY), Math.max(fit.scaleY, view.scaleY * factor))
  const x = view.x + at.x / view.scaleX - at.x / scaleX
  const y = view.y + at.y / view.scaleY - at.y / scaleY
  return clampViewport({ x, y, scaleX, scaleY }, rows, columns, width, height)
}

export function clampViewport(view: Viewport, rows: number, columns: number, width: number, height: number): Viewport {
  const x = Math.min(Math.max(0, view.x), Math.max(0, columns - width / view.scaleX))
  const y = Math.min(Math.max(0, view.y), Math.max(0, rows - height / view.scaleY))
  return { ...view, x, y }
}

/** Coarsest level that still has about a value for every pixel. */
export function levelFor(view: Viewport, { maxLevel, stride }: Pick<MatrixSource, 'maxLevel' | 'stride'>): number {
  const cells = 1 / Math.sqrt(view.scaleX * view.scaleY) / stride
  return Math.min(maxLevel, Math.max(0, Math.floor(Math.log2(cells))))
}
