import { emptyLike, type Matrix } from './matrix-products'

/** Rows and columns of a square that is turned at once: it stays in the processor's cache. */
const SQUARE = 32

/** [rows, columns] as [columns, rows]. */
export function transposed<Own extends Matrix>({ data, rows, columns }: Own): Own
export function transposed({ data, rows, columns }: Matrix): Matrix {
  const result = emptyLike(data, data.length)
  for (let top = 0; top < rows; top += SQUARE)
    for (let left = 0; left < columns; left += SQUARE) {
      const [bottom, right] = [Math.min(rows, top + SQUARE), Math.min(columns, left + SQUARE)]
      for (let row = top; row < bottom; row++)
        for (let column = left; column < right; column++) result[column * rows + row] = data[row * columns + column]!
    }
  return { data: result, rows: columns, columns: rows }
}

/** Each row times a factor of its own. */
export function scaledRows({ data, rows, columns }: Matrix, factor: (row: number) => number): Matrix {
  const result = data.slice()
  for (let row = 0; row < rows; row++) {
    const own = factor(row)
    for (let at = row * columns; at < (row + 1) * columns; at++) result[at]! *= own
  }
  return { data: result, rows, columns }
}

/** The first columns, as many as there are factors, each times its factor. */
export function scaledColumns({ data, rows, columns }: Matrix, factors: ArrayLike<number>): Matrix {
  const count = factors.length
  const result = emptyLike(data, rows * count)
  for (let row = 0, to = 0; row < rows; row++)
    for (let column = 0, from = row * columns; column < count; column++, from++, to++)
      result[to] = data[from]! * factors[column]!
  return { data: result, rows, columns: count }
}

/** The first `count` columns as they are; the matrix itself where it has no more. */
export function firstColumns(matrix: Matrix, count: number): Matrix {
  return count === matrix.columns ? matrix : scaledColumns(matrix, new Float64Array(count).fill(1))
}
