/**
 * Factors on two vectors at a part t of the arc between them: (sin((1 − t) θ) a + sin(t θ) b) / sin θ (Shoemake 1985).
 * @returns null where the two have one direction, or opposite ones
 */
export function arc(cosine: number, t: number, parallel: (cosine: number) => boolean): [number, number] | null {
  const bounded = Math.min(1, Math.max(-1, cosine))
  if (!Number.isFinite(bounded) || parallel(bounded)) return null
  const angle = Math.acos(bounded)
  const sine = Math.sin(angle)
  return [Math.sin((1 - t) * angle) / sine, Math.sin(t * angle) / sine]
}

/** mergekit's NuSLERP: vectors are parallel where the square of the sine is a rounding error; short ones count so, too. */
export function nuslerpArc(product: number, lengths: readonly [number, number], t: number): [number, number] {
  const [a, b] = lengths.map((length) => Math.max(length, 1e-7))
  return arc(product / (a! * b!), t, (cosine) => 1 - cosine ** 2 <= 1e-16) ?? [1 - t, t]
}
