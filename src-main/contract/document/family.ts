import { z } from 'zod'

/** A model in the family of a merge, with what it was merged from. */
export interface Relative {
  name: string
  /** sha256 of its file; null where nothing says it. */
  sha256: string | null
  /** How it was merged, in words; null where it is no merge, or nothing says so. */
  method: string | null
  /** Its part in the merge that it belongs to, as its recipe has it. */
  weight: number | null
  parents: Relative[]
}

export const relativeSchema: z.ZodType<Relative> = z.object({
  name: z.string(),
  sha256: z.string().nullable(),
  method: z.string().nullable(),
  weight: z.number().nullable(),
  parents: z.array(z.lazy(() => relativeSchema)),
})
