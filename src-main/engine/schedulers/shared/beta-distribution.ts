/**
 * The quantile function of the symmetric beta distribution with both parameters `a`: where its cumulative distribution
 * reaches `probability` (0 to 1). scipy.stats.beta.ppf(probability, a, a).
 */
export function betaQuantile(probability: number, a: number): number {
  if (probability > 0.5) return 1 - betaQuantile(1 - probability, a)
  const target = probability * 2 * unnormalised(0.5, a)
  let [low, high] = [0, 0.5]
  for (let i = 0; i < 100 && low < high; i++) {
    const middle = (low + high) / 2
    if (unnormalised(middle, a) < target) low = middle
    else high = middle
  }
  return (low + high) / 2
}

/** ∫ tᵃ⁻¹ (1 − t)ᵃ⁻¹ dt from 0 to x ≤ 1/2, by its power series; the whole integral is twice that at 1/2. */
function unnormalised(x: number, a: number): number {
  let sum = 0
  let term = x ** a
  for (let k = 0; term > 1e-18 && k < 200; k++) {
    sum += term / (a + k)
    term *= ((k + 1 - a) / (k + 1)) * x
  }
  return sum
}
