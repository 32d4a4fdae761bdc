/** A layer's bias as it is written: times its gain, in float32. */
export function gainedBias(bias: Float64Array, gain: number): Float32Array {
  return Float32Array.from(bias, (value) => gain * value)
}
