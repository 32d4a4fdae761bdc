import type { Matrix, MatrixProducts } from '../../linear-algebra/matrix-products'

/**
 * A tensor as a matrix with the units of one of its axes as rows: all that leads into a unit (axis 0), or out of it
 * (axis 1).
 * @param count units, from place `first` of the axis on
 */
export function unitRows<T extends Float32Array | Float64Array>(
  values: T,
  shape: readonly number[],
  { axis, first, count }: { axis: 0 | 1; first: number; count: number },
): Matrix {
  const rowLength = values.length / shape[0]!
  if (axis === 0)
    return { data: values.slice(first * rowLength, (first + count) * rowLength), rows: count, columns: rowLength }
  const [rows, places] = [shape[0]!, shape[1]!]
  const size = rowLength / places
  const data = values.slice(0, count * rows * size)
  for (let unit = 0; unit < count; unit++)
    for (let row = 0; row < rows; row++)
      for (let k = 0; k < size; k++)
        data[(unit * rows + row) * size + k] = values[(row * places + first + unit) * size + k]!
  return { data, rows: count, columns: rows * size }
}

/**
 * What git re-basin (weight matching) gains by putting unit j of one network into the place of unit i of another: the sum
 * of the products of all weights that lead into the units and out of them.
 * @param parts of both networks, each with the units as rows
 * @returns [units, units]
 */
export async function weightGain(
  parts: readonly { own: Matrix; other: Matrix }[],
  products: MatrixProducts,
): Promise<Matrix> {
  const [first, ...rest] = parts
  const gain = await products.multiply(first!.own, first!.other, 'right transposed')
  for (const { own, other } of rest) {
    const { data } = await products.multiply(own, other, 'right transposed')
    for (let i = 0; i < data.length; i++) gain.data[i] = gain.data[i]! + data[i]!
  }
  return gain
}
