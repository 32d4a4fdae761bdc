/**
 * Classifier-free guidance: unconditional + scale · (conditional − unconditional), in float32.
 * @param predictions the unconditional half of the batch, then the conditional one
 * @param rescale diffusers' guidance_rescale (arXiv 2305.08891, section 3.4); 0: off
 * @param batchSize images in one half
 */
export function guide(predictions: Float32Array, scale: number, rescale: number, batchSize: number): Float32Array {
  const half = predictions.length / 2
  const conditional = predictions.subarray(half)
  const guided = new Float32Array(half)
  for (let i = 0; i < half; i++) {
    const difference = Math.fround(conditional[i]! - predictions[i]!)
    guided[i] = predictions[i]! + Math.fround(scale * difference)
  }
  if (rescale > 0) {
    const size = half / batchSize
    for (let image = 0; image < batchSize; image++) {
      const range = [image * size, (image + 1) * size] as const
      rescaleContrast(guided.subarray(...range), conditional.subarray(...range), rescale)
    }
  }
  return guided
}

/** Mixes in a copy of `guided` with the standard deviation of `conditional`, in place. */
function rescaleContrast(guided: Float32Array, conditional: Float32Array, share: number): void {
  const ratio = standardDeviation(conditional) / standardDeviation(guided)
  const factor = share * ratio + (1 - share)
  for (let i = 0; i < guided.length; i++) guided[i]! *= factor
}

/** With Bessel's correction, as torch's std. */
function standardDeviation(values: Float32Array): number {
  let sum = 0
  for (const value of values) sum += value
  const mean = sum / values.length
  let squares = 0
  for (const value of values) squares += (value - mean) ** 2
  return Math.sqrt(squares / (values.length - 1))
}
