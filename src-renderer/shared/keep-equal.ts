/**
 * `next` with whatever in it equals `before` taken from there: what did not change keeps its identity, so that nothing
 * which shows it is computed again. Both are plain values as JSON has them.
 */
export function keepEqual<T>(before: unknown, next: T): T {
  if (!isContainer(before) || !isContainer(next) || Array.isArray(before) !== Array.isArray(next)) return next
  const entries = Object.entries(next).map(([key, value]) => [key, keepEqual(before[key], value)] as const)
  const same = ([key, value]: (typeof entries)[number]): boolean => key in before && Object.is(before[key], value)
  if (entries.length === Object.keys(before).length && entries.every(same)) return before as T
  return (Array.isArray(next) ? entries.map(([, value]) => value) : Object.fromEntries(entries)) as T
}

function isContainer(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
