import type { RowBlock } from '../form'

/**
 * Rotates the inputs of rows in place: v → 1 + m (R − 1) of groups of them.
 * @param rotations [blocks, size, size] after one another; one alone stands for all groups
 * @param order which input stands where when groups of `size` are taken; as they lie if absent
 */
export function rotateInputs(
  { values, rows }: RowBlock,
  rowLength: number,
  { rotations, size, order }: { rotations: Float64Array; size: number; order?: Int32Array },
): void {
  const matrix = values.floats(rows * rowLength)
  const group = new Float64Array(size)
  for (let first = 0; first < rowLength; first += size) {
    const rotation = (first * size) % rotations.length
    for (let row = 0; row < rows; row++) {
      const start = row * rowLength
      for (let k = 0; k < size; k++) group[k] = matrix[start + (order?.[first + k] ?? first + k)]!
      for (let to = 0; to < size; to++) {
        let sum = 0
        for (let k = 0; k < size; k++) sum += rotations[rotation + to * size + k]! * group[k]!
        matrix[start + (order?.[first + to] ?? first + to)] = sum
      }
    }
  }
}
