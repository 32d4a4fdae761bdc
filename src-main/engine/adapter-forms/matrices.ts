import { elementCount } from '../tensor/element-type'
import type { KernelBuffer, Kernels } from '../tensor/kernels'
import type { FactorShapes, RowBlock, WeightShape } from './form'

/** A tensor as the matrix of its first axis and all others. */
export function asMatrix(shape: readonly number[]): [rows: number, columns: number] {
  return [shape[0] ?? 1, elementCount(shape.slice(1))]
}

export function weightShape(shape: readonly number[]): WeightShape {
  const [rows, rowLength] = asMatrix(shape)
  const inputs = shape[1] ?? 1
  return { shape, rows, rowLength, inputs, kernel: elementCount(shape.slice(2)) }
}

/**
 * Compares factors with what the weight asks of them.
 * @param wanted per factor its matrix [rows, columns]
 * @returns in words what does not fit
 */
export function misfitOf(
  shape: FactorShapes,
  wanted: Readonly<Record<string, readonly [rows: number, columns: number]>>,
): string | undefined {
  for (const [name, [rows, columns]] of Object.entries(wanted)) {
    const found = shape(name)
    if (!found) return `${name} is missing`
    const [ownRows, ownColumns] = asMatrix(found)
    if (ownRows !== rows || ownColumns !== columns)
      return `${name} is [${found.join(', ')}] where a matrix of ${rows} × ${columns} is needed`
  }
  return undefined
}

const PANEL_COLUMNS = 8

/** A matrix [inner, columns] eight columns after eight, as the kernel addProduct reads it. */
export function packPanels(matrix: Float32Array, inner: number, columns: number): Float32Array {
  const panels = new Float32Array(Math.ceil(columns / PANEL_COLUMNS) * PANEL_COLUMNS * inner)
  let to = 0
  for (let first = 0; first < columns; first += PANEL_COLUMNS) {
    const width = Math.min(PANEL_COLUMNS, columns - first)
    for (let k = 0; k < inner; k++, to += PANEL_COLUMNS)
      for (let column = 0; column < width; column++) panels[to + column] = matrix[k * columns + first + column]!
  }
  return panels
}

/** Adds coefficients [rows, inner] · matrix to `target` [rows, columns]; the matrix comes from packPanels. */
export function addProduct(
  kernels: Kernels,
  target: KernelBuffer,
  coefficients: Float32Array,
  panels: Float32Array,
  size: { rows: number; inner: number; columns: number },
): void {
  const left = kernels.allocateMore(coefficients.byteLength)
  const right = kernels.allocateMore(panels.byteLength)
  left.floats(coefficients.length).set(coefficients)
  right.floats(panels.length).set(panels)
  kernels.run.addProduct(target.pointer, left.pointer, right.pointer, size.rows, size.inner, size.columns)
}

/** The rows of a matrix [rows, columns] that belong to a block, times a factor. */
export function scaledRows(matrix: Float32Array, columns: number, block: RowBlock, factor: number): Float32Array {
  const first = block.firstRow * columns
  return matrix.subarray(first, first + block.rows * columns).map((value) => value * factor)
}

/** A · B of float32 matrices [rows, inner] and [inner, columns], summed in float64. */
export function multiply(
  left: Float32Array,
  right: Float32Array,
  rows: number,
  inner: number,
  columns: number,
): Float32Array {
  const result = new Float32Array(rows * columns)
  const sums = new Float64Array(columns)
  for (let row = 0; row < rows; row++) {
    sums.fill(0)
    for (let k = 0; k < inner; k++) {
      const value = left[row * inner + k]!
      for (let column = 0; column < columns; column++) sums[column]! += value * right[k * columns + column]!
    }
    result.set(sums, row * columns)
  }
  return result
}

/** A matrix [rows, columns] as [columns, rows]. */
export function transposed(matrix: Float32Array, rows: number, columns: number): Float32Array {
  const result = new Float32Array(matrix.length)
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) result[column * rows + row] = matrix[row * columns + column]!
  return result
}

/**
 * Tucker's form of a convolution [out, in, kernel] as a product: up [out, p] · (core [p, q, kernel] · down [q, in]).
 * @returns the right factor, [p, in · kernel]
 */
export function tuckerRight(
  core: Float32Array,
  down: Float32Array,
  size: { p: number; q: number; kernel: number; inputs: number },
): Float32Array {
  const { p: outer, q: inner, kernel, inputs } = size
  const result = new Float32Array(outer * inputs * kernel)
  const sums = new Float64Array(inputs * kernel)
  for (let p = 0; p < outer; p++) {
    sums.fill(0)
    for (let q = 0; q < inner; q++)
      for (let input = 0; input < inputs; input++) {
        const value = down[q * inputs + input]!
        for (let k = 0; k < kernel; k++) sums[input * kernel + k]! += value * core[(p * inner + q) * kernel + k]!
      }
    result.set(sums, p * inputs * kernel)
  }
  return result
}
