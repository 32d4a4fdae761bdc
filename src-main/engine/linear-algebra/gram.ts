import { emptyLike, type Matrix, type MatrixProducts } from './matrix-products'

/** Elements that are in float64 at a time. */
const CHUNK_ELEMENTS = 2 * 1024 * 1024
const LEAST_TERMS = 256
/** Rows of a block of the result, of which only the blocks on and below the diagonal are computed. */
const BLOCK_ROWS = 320

/** Rows · rowsᵀ in float64 [rows, rows]. Memory beside the result: a constant. */
export function gramOfRows({ data, rows, columns }: Matrix, products: MatrixProducts): Promise<Float64Array> {
  return gramOfChunks(rows, columns, products, (first, terms) => {
    if (terms === columns) return data
    const chunk = emptyLike(data, rows * terms)
    for (let row = 0; row < rows; row++)
      chunk.set(data.subarray(row * columns + first, row * columns + first + terms), row * terms)
    return chunk
  })
}

/** Columnsᵀ · columns in float64 [columns, columns]. Memory beside the result: a constant. */
export function gramOfColumns(matrix: Matrix, products: MatrixProducts): Promise<Float64Array> {
  const { data, rows, columns } = matrix
  if (columns <= BLOCK_ROWS) return gramOfFewColumns(matrix, products)
  return gramOfChunks(columns, rows, products, (first, terms) => {
    const chunk = emptyLike(data, columns * terms)
    for (let term = 0; term < terms; term++) {
      const row = (first + term) * columns
      for (let column = 0, at = term; column < columns; column++, at += terms) chunk[at] = data[row + column]!
    }
    return chunk
  })
}

/** The same where all columns are one block: chunks are then products as they lie. */
async function gramOfFewColumns({ data, rows, columns }: Matrix, products: MatrixProducts): Promise<Float64Array> {
  const result = new Float64Array(columns * columns)
  const most = termsAtOnce(columns)
  for (let first = 0; first < rows; first += most) {
    const part = data.subarray(first * columns, (first + most) * columns)
    const chunk = { data: part, rows: part.length / columns, columns }
    const { data: sums } = await products.multiplyInDoubles(chunk, chunk, 'left transposed')
    for (let i = 0; i < result.length; i++) result[i]! += sums[i]!
  }
  return result
}

function termsAtOnce(size: number): number {
  return Math.max(LEAST_TERMS, Math.floor(CHUNK_ELEMENTS / size))
}

/**
 * Sums of products of `size` vectors of so many terms.
 * @param chunk gives terms [first, first + terms) of all vectors, [size, terms]
 */
async function gramOfChunks(
  size: number,
  length: number,
  products: MatrixProducts,
  chunk: (first: number, terms: number) => Matrix['data'],
): Promise<Float64Array> {
  const result = new Float64Array(size * size)
  const most = termsAtOnce(size)
  for (let first = 0; first < length; first += most) {
    const terms = Math.min(most, length - first)
    const values = chunk(first, terms)
    for (let row = 0; row < size; row += BLOCK_ROWS) {
      const rows = Math.min(BLOCK_ROWS, size - row)
      const left = { data: values.subarray(row * terms, (row + rows) * terms), rows, columns: terms }
      const columns = row + rows
      const right = { data: values.subarray(0, columns * terms), rows: columns, columns: terms }
      const { data } = await products.multiplyInDoubles(left, right, 'right transposed')
      for (let i = 0, from = 0; i < rows; i++)
        for (let j = 0, to = (row + i) * size; j < columns; j++, to++, from++) result[to]! += data[from]!
    }
  }
  for (let i = 0; i < size; i++) for (let j = 0; j < i; j++) result[j * size + i] = result[i * size + j]!
  return result
}
