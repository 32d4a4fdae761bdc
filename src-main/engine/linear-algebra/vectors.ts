/** Inner product of the first `count` numbers. */
export function dot(a: Float64Array, b: Float64Array, count = a.length): number {
  let sum = 0
  for (let i = 0; i < count; i++) sum += a[i]! * b[i]!
  return sum
}

/** Multiplies numbers where they lie. @param factor 1 leaves their bits as they are */
export function multiply(values: Float32Array | Float64Array, factor: number): void {
  if (factor === 1) return
  for (let at = 0; at < values.length; at++) values[at]! *= factor
}

export function lengthOf(vector: Float64Array): number {
  return Math.sqrt(dot(vector, vector))
}
