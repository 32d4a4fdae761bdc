import type { FeatureSamples } from './statistics'

/**
 * Calibrated statistics from moments (method.md, 'Statistics of a layer', 3): with Σ = E[x xᵀ] − μ μᵀ = L Lᵀ the
 * columns of L stand for the samples, since (K L)(K L)ᵀ = K Σ Kᵀ.
 * @param mean μ [d]
 * @param secondMoment E[x xᵀ] [d, d], row-major
 */
export function samplesFromMoments(mean: Float64Array, secondMoment: Float64Array): FeatureSamples {
  const d = mean.length
  const lower = new Float64Array(d * d)
  for (let i = 0; i < d; i++) {
    for (let j = 0; j <= i; j++) {
      let value = secondMoment[i * d + j]! - mean[i]! * mean[j]!
      for (let k = 0; k < j; k++) value -= lower[i * d + k]! * lower[j * d + k]!
      if (i === j) lower[i * d + i] = Math.sqrt(Math.max(0, value))
      // A pivot of 0 is a direction without variance: nothing depends on it.
      else lower[i * d + j] = lower[j * d + j]! > 0 ? value / lower[j * d + j]! : 0
    }
  }
  return { values: Float32Array.from(lower), count: d, centred: false }
}
