import { z } from 'zod'

/** The largest seed that the field has: torch.manual_seed takes 64 bits. */
export const MOST_SEED = 2n ** 64n - 1n
export const SEED_RANGE = `a whole number from 0 to ${MOST_SEED}`

/**
 * A seed as JSON carries it exactly: a number, or its digits where a number would round (from 2⁵³ on). Every seed has one
 * form, so that equal seeds are equal values.
 */
export const seedSchema = z.union([
  z.number().int().nonnegative(),
  z
    .string()
    .refine((text) => parseSeed(text) !== null, `A seed is ${SEED_RANGE}.`)
    .transform((text) => seedOf(parseSeed(text)!)),
])
export type Seed = z.infer<typeof seedSchema>

/** The digits of a seed as a whole number; null for anything else, and beyond MOST_SEED. */
export function parseSeed(text: string): bigint | null {
  if (!/^\d{1,20}$/.test(text.trim())) return null
  const value = BigInt(text.trim())
  return value <= MOST_SEED ? value : null
}

/** A seed as JSON carries it. */
export function seedOf(value: bigint): number | string {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : String(value)
}

/** For sorting. */
export function compareSeeds(a: Seed, b: Seed): number {
  const difference = BigInt(a) - BigInt(b)
  return difference < 0n ? -1 : difference > 0n ? 1 : 0
}

/** A list of seeds as people write it, and as it is shown again. */
export interface SeedList {
  seeds: Seed[]
  /** What is wrong with it, as a sentence; null: nothing. */
  problem: string | null
}

/**
 * Seeds with commas or spaces between them, and ranges of them: '1, 5-8'. Each is in the list once.
 * @param most seeds that a list may have
 */
export function parseSeeds(text: string, most: number): SeedList {
  const seeds = new Set<Seed>()
  for (const part of text
    .replace(/(\d)\s*[-–]\s*(?=\d)/g, '$1-')
    .split(/[\s,;]+/)
    .filter(Boolean)) {
    const [first, last, ...others] = part.split('-').map(parseSeed)
    if (first == null || last === null || others.length > 0)
      return refused(`“${part}” is no seed: each one is ${SEED_RANGE}, or a range such as 1-4.`)
    const end = last ?? first
    if (end < first) return refused(`${part}: a range of seeds goes up.`)
    if (end - first >= BigInt(most)) return refused(`${part} are more seeds than ${most}.`)
    for (let seed = first; seed <= end; seed++) seeds.add(seedOf(seed))
  }
  if (seeds.size === 0) return refused('Write at least one seed.')
  return seeds.size > most
    ? refused(`These are ${seeds.size} seeds; at most ${most} are taken.`)
    : { seeds: [...seeds], problem: null }
}

/** Seeds as parseSeeds reads them: three and more in a row as a range. */
export function seedsInWords(seeds: readonly Seed[]): string {
  const runs: bigint[][] = []
  for (const seed of seeds.map(BigInt)) {
    const last = runs.at(-1)
    if (last && last.at(-1)! + 1n === seed) last.push(seed)
    else runs.push([seed])
  }
  return runs.map((run) => (run.length > 2 ? `${run[0]}-${run.at(-1)}` : run.join(', '))).join(', ')
}

function refused(problem: string): SeedList {
  return { seeds: [], problem }
}
