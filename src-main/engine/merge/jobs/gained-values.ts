/** Multiplies values where they lie. @param gain 1 leaves their bits as they are */
export function multiply(values: Float32Array | Float64Array, gain: number): void {
  if (gain === 1) return
  for (let at = 0; at < values.length; at++) values[at]! *= gain
}

/** A layer's bias as it is written: times its gain, in float32. */
export function gainedBias(bias: Float64Array, gain: number): Float32Array {
  return Float32Array.from(bias, (value) => gain * value)
}
