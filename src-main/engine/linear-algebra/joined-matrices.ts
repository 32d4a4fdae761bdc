import { emptyLike, type Matrix } from './matrix-products'

/** Matrices of as many rows as one, at least one of them: in the element type of the first. */
export function sideBySide(parts: readonly Matrix[]): Matrix {
  const { data: like, rows } = parts[0]!
  const columns = parts.reduce((sum, part) => sum + part.columns, 0)
  const data = emptyLike(like, rows * columns)
  let first = 0
  for (const part of parts) {
    for (let row = 0; row < rows; row++)
      data.set(part.data.subarray(row * part.columns, (row + 1) * part.columns), row * columns + first)
    first += part.columns
  }
  return { data, rows, columns }
}

/** Matrices of as many columns one under the other, at least one of them: in the element type of the first. */
export function oneUnderOther(parts: readonly Matrix[]): Matrix {
  const { data: like, columns } = parts[0]!
  const rows = parts.reduce((sum, part) => sum + part.rows, 0)
  const data = emptyLike(like, rows * columns)
  let first = 0
  for (const part of parts) {
    data.set(part.data, first)
    first += part.data.length
  }
  return { data, rows, columns }
}
