/** Makes room for one more entry in a map that keeps `most` at most: the oldest one goes. */
export function dropOldest(kept: Map<string, unknown>, most: number): void {
  const oldest = kept.size < most ? undefined : kept.keys().next().value
  if (oldest !== undefined) kept.delete(oldest)
}
