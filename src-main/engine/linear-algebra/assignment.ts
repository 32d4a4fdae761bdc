import type { YieldOrCancel } from '../cancel'

/** Numbers by index; row-major where they are a matrix. */
type Numbers = Float32Array | Float64Array

/** No column or row. */
const NONE = -1

const PAUSE_MS = 200

/**
 * The best assignment of rows to columns: the permutation p with the largest Σᵢ gain[i, p(i)]. Shortest augmenting paths
 * as Jonker and Volgenant 1987 find them (scipy.optimize.linear_sum_assignment does the same), after all rows whose best
 * column is free have taken it. Exact for the numbers given; where the identity is as good as any other, up to rounding,
 * it is the identity.
 *
 * @param gain [size, size], finite
 * @param pause called a few times a second
 * @returns the column of every row
 */
export async function bestAssignment(gain: Numbers, size: number, pause?: YieldOrCancel): Promise<Int32Array> {
  const search = new AugmentingSearch(gain, size)
  let paused = performance.now()
  for (const row of search.unassigned()) {
    search.assign(row)
    if (performance.now() - paused < PAUSE_MS) continue
    await pause?.()
    paused = performance.now()
  }
  const found = search.columnOfRow
  return isIdentityAsGood(gain, size, found) ? found.map((_, row) => row) : found
}

/** Units that are alike (dead ones, copies) would change places for nothing. */
function isIdentityAsGood(gain: Numbers, size: number, columnOfRow: Int32Array): boolean {
  let lost = 0
  let scale = 0
  for (let row = 0; row < size; row++) {
    const [best, own] = [gain[row * size + columnOfRow[row]!]!, gain[row * size + row]!]
    lost += best - own
    scale += Math.abs(best)
  }
  return lost <= 1e-12 * scale
}

/** Rows are assigned one after the other; dual prices u, v keep gain[i, j] ≤ −u[i] − v[j], with equality where assigned. */
class AugmentingSearch {
  readonly columnOfRow: Int32Array
  private readonly rowOfColumn: Int32Array
  private readonly u: Float64Array
  private readonly v: Float64Array
  /** Of the search for one row: least cost to every column, and the row before it. */
  private readonly least: Float64Array
  private readonly before: Int32Array
  /** Columns that the search has not reached, in the first places. */
  private readonly remaining: Int32Array

  constructor(
    private readonly gain: Numbers,
    private readonly size: number,
  ) {
    this.columnOfRow = new Int32Array(size).fill(NONE)
    this.rowOfColumn = new Int32Array(size).fill(NONE)
    this.u = new Float64Array(size)
    this.v = new Float64Array(size)
    this.least = new Float64Array(size)
    this.before = new Int32Array(size)
    this.remaining = new Int32Array(size)
    this.takeFreeColumns()
  }

  /** Rows that have no column yet. */
  unassigned(): number[] {
    return [...this.columnOfRow.keys()].filter((row) => this.columnOfRow[row] === NONE)
  }

  /** Prices from the best of every column, then of every row; a row takes its best column where nobody has it. */
  private takeFreeColumns(): void {
    const { gain, size, u, v, columnOfRow, rowOfColumn } = this
    v.fill(Infinity)
    for (let row = 0; row < size; row++)
      for (let column = 0; column < size; column++) {
        const cost = -gain[row * size + column]!
        if (cost < v[column]!) v[column] = cost
      }
    for (let row = 0; row < size; row++) {
      let best = row
      let lowest = -gain[row * size + row]! - v[row]!
      for (let column = 0; column < size; column++) {
        const reduced = -gain[row * size + column]! - v[column]!
        if (reduced < lowest) {
          lowest = reduced
          best = column
        }
      }
      u[row] = lowest
      if (rowOfColumn[best] !== NONE) continue
      rowOfColumn[best] = row
      columnOfRow[row] = best
    }
  }

  /** Gives a row a column: others may have to change theirs. */
  assign(start: number): void {
    const { gain, size, u, v, least, before, remaining, columnOfRow, rowOfColumn } = this
    least.fill(Infinity)
    for (let column = 0; column < size; column++) remaining[column] = column
    const rows: number[] = []
    const columns: number[] = []
    let left = size
    let reached = 0
    let row = start
    let column: number
    do {
      rows.push(row)
      let lowest = Infinity
      let at = 0
      const [own, offset] = [reached - u[row]!, row * size]
      for (let index = 0; index < left; index++) {
        const next = remaining[index]!
        const cost = own - gain[offset + next]! - v[next]!
        if (cost < least[next]!) {
          least[next] = cost
          before[next] = row
        }
        // Of equals a free column: the search then ends.
        if (least[next]! < lowest || (least[next] === lowest && rowOfColumn[next] === NONE)) {
          lowest = least[next]!
          at = index
        }
      }
      reached = lowest
      column = remaining[at]!
      remaining[at] = remaining[--left]!
      columns.push(column)
      row = rowOfColumn[column]!
    } while (row !== NONE)
    u[start] = u[start]! + reached
    for (const other of rows.slice(1)) u[other] = u[other]! + reached - least[columnOfRow[other]!]!
    for (const other of columns) v[other] = v[other]! - reached + least[other]!
    this.augment(start, column)
  }

  /** Moves every row of the path to `column` one column on. */
  private augment(start: number, end: number): void {
    const { before, columnOfRow, rowOfColumn } = this
    for (let column = end, row = NONE; row !== start;) {
      row = before[column]!
      rowOfColumn[column] = row
      const freed = columnOfRow[row]!
      columnOfRow[row] = column
      column = freed
    }
  }
}
