/** Finds something of every path once, however often it is asked for: for lists that name the same models many times. */
export function remembering<Found>(find: (path: string) => Promise<Found>): (path: string) => Promise<Found> {
  const known = new Map<string, Promise<Found>>()
  return (path) => {
    if (!known.has(path)) known.set(path, find(path))
    return known.get(path)!
  }
}
