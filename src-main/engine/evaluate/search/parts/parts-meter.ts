import type { z } from 'zod'

/** A measurement that depends on no other one of its list. */
export interface Part<Stored> {
  /** For people. */
  name: string
  /** What it is of, beside what all measurements of the search are of: plain data. */
  of: unknown
  measure: () => Promise<Stored>
}

/** Measures parts, or finds them measured. */
export interface PartsMeter {
  /** What they are, in their order. @throws what measuring throws */
  measure<Stored>(schema: z.ZodType<Stored>, parts: readonly Part<Stored>[]): AsyncIterable<Stored>
}

/** Measures all, and keeps nothing. */
export const MEASURED_HERE: PartsMeter = {
  async *measure(_schema, parts) {
    for (const { measure } of parts) yield await measure()
  },
}
