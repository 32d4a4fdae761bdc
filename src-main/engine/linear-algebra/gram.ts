import type { Matrix, MatrixProducts } from './matrix-products'

/** Elements that are in float64 at a time. */
const CHUNK_ELEMENTS = 2 * 1024 * 1024
const LEAST_TERMS = 256
/** Rows of a block of the result, of which only the blocks on and below the diagonal are computed. */
const BLOCK_ROWS = 320

/** Rows · rowsᵀ in float64 [rows, rows]. Memory beside the result: a constant. */
export function gramOfRows(matrix: Matrix, products: MatrixProducts): Promise<Float64Array> {
  const { data, rows, columns } = matrix
  return gram(rows, columns, products, (first, terms) => {
    if (data instanceof Float64Array && terms === columns) return data
    const chunk = new Float64Array(rows * terms)
    for (let row = 0; row < rows; row++)
      chunk.set(data.subarray(row * columns + first, row * columns + first + terms), row * terms)
    return chunk
  })
}

/** Columnsᵀ · columns in float64 [columns, columns]. Memory beside the result: a constant. */
export function gramOfColumns({ data, rows, columns }: Matrix, products: MatrixProducts): Promise<Float64Array> {
  return gram(columns, rows, products, (first, terms) => {
    const chunk = new Float64Array(columns * terms)
    for (let term = 0; term < terms; term++) {
      const row = (first + term) * columns
      for (let column = 0, at = term; column < columns; column++, at += terms) chunk[at] = data[row + column]!
    }
    return chunk
  })
}

/**
 * Sums of products of `size` vectors of so many terms.
 * @param chunk gives terms [first, first + terms) of all vectors, [size, terms]
 */
async function gram(
  size: number,
  length: number,
  products: MatrixProducts,
  chunk: (first: number, terms: number) => Float64Array,
): Promise<Float64Array> {
  const result = new Float64Array(size * size)
  const most = Math.max(LEAST_TERMS, Math.floor(CHUNK_ELEMENTS / size))
  for (let first = 0; first < length; first += most) {
    const terms = Math.min(most, length - first)
    const values = chunk(first, terms)
    for (let row = 0; row < size; row += BLOCK_ROWS) {
      const rows = Math.min(BLOCK_ROWS, size - row)
      const left = { data: values.subarray(row * terms, (row + rows) * terms), rows, columns: terms }
      const columns = row + rows
      const right = { data: values.subarray(0, columns * terms), rows: columns, columns: terms }
      const { data } = await products.multiply(left, right, 'right transposed')
      for (let i = 0, from = 0; i < rows; i++)
        for (let j = 0, to = (row + i) * size; j < columns; j++, to++, from++) result[to]! += data[from]!
    }
  }
  for (let i = 0; i < size; i++) for (let j = 0; j < i; j++) result[j * size + i] = result[i * size + j]!
  return result
}
