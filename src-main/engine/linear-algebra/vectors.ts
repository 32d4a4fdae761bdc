/** Inner product of the first `count` numbers. */
export function dot(a: Float64Array, b: Float64Array, count = a.length): number {
  let sum = 0
  for (let i = 0; i < count; i++) sum += a[i]! * b[i]!
  return sum
}

export function lengthOf(vector: Float64Array): number {
  return Math.sqrt(dot(vector, vector))
}
