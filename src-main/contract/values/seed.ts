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
