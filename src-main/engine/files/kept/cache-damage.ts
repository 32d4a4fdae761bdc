type Listener = (note: string) => void

const listeners = new Set<Listener>()

/** Says that something kept in a cache is not what was written there, and is left aside or made again. */
export function tellDamage(path: string): void {
  tell(`${path} is damaged or of another version: it is not used, and made again where it is needed.`)
}

/** Says that something kept in a cache cannot be read: it may be another person's. */
export function tellUnreadable(path: string): void {
  tell(`${path} cannot be read: check its permissions. What it holds is made again where it is needed.`)
}

function tell(note: string): void {
  for (const listener of listeners) listener(note)
}

/** Hears of damaged caches, whoever finds them. Returns what ends that. */
export function onDamage(listener: Listener): () => void {
  listeners.add(listener)
  return () => void listeners.delete(listener)
}

/** Runs a task with a list that grows by every note about a damaged cache, each once. */
export async function collectingDamage<Result>(task: (notes: readonly string[]) => Promise<Result>): Promise<Result> {
  const notes: string[] = []
  const end = onDamage((note) => {
    if (!notes.includes(note)) notes.push(note)
  })
  try {
    return await task(notes)
  } finally {
    end()
  }
}
