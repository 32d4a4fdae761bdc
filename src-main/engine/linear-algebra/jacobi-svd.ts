import { rotateRows } from './implicit-ql'

/** Sweeps over all pairs of rows: some eight are usual. */
const MOST_SWEEPS = 40

/**
 * Makes the rows of a matrix orthogonal by one-sided Jacobi rotations, which keep the digits of small singular values
 * (Demmel and Veselić, 1992): rotation · matrix = rows.
 * @param matrix [n, d], row-major, n ≤ d; it becomes the orthogonal rows, in no order
 * @returns the rotation [n, n]
 */
export function orthogonaliseRows(matrix: Float64Array, n: number, d: number): Float64Array {
  const rotation = new Float64Array(n * n)
  for (let i = 0; i < n; i++) rotation[i * n + i] = 1
  const product = (i: number, j: number): number => {
    let sum = 0
    for (let a = i * d, b = j * d, end = a + d; a < end; a++, b++) sum += matrix[a]! * matrix[b]!
    return sum
  }
  for (let sweep = 0; sweep < MOST_SWEEPS; sweep++) {
    let rotated = false
    const squares = Float64Array.from({ length: n }, (_, i) => product(i, i))
    const least = Number.EPSILON ** 2 * Math.max(...squares)
    for (let i = 0; i < n; i++)
      for (let j = i + 1; j < n; j++) {
        const [a, b] = [squares[i]!, squares[j]!]
        // A row of rounding errors has no direction.
        if (a <= least || b <= least) continue
        const along = product(i, j)
        if (Math.abs(along) <= Number.EPSILON * Math.sqrt(a * b)) continue
        rotated = true
        const ratio = (b - a) / (2 * along)
        const tangent = (ratio < 0 ? -1 : 1) / (Math.abs(ratio) + Math.hypot(1, ratio))
        const c = 1 / Math.hypot(1, tangent)
        rotateRows(matrix, i * d, j * d, d, c, c * tangent)
        rotateRows(rotation, i * n, j * n, n, c, c * tangent)
        squares[i] = product(i, i)
        squares[j] = product(j, j)
      }
    if (!rotated) break
  }
  return rotation
}
