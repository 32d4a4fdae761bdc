import { z } from 'zod'

/** What an export wrote. */
export const exportResultSchema = z.object({
  path: z.string(),
  bytes: z.number(),
  seconds: z.number(),
  /** Of every weights file. */
  files: z.array(z.object({ path: z.string(), sha256: z.string() })),
  warnings: z.array(z.string()),
  /** Every model's part, base first: a fraction of the whole, or where `adds` a factor on what it learnt. */
  shares: z.object({
    adds: z.boolean(),
    models: z.array(z.object({ name: z.string(), value: z.number().nullable() })),
    words: z.string(),
  }),
  /** Tensors in which finite values became infinite in the output's element type. */
  overflowed: z.array(z.string()),
  /** How far an earlier export had come that was continued, or why none was, in words; null where there was none. */
  resumed: z.string().nullable(),
})

/** An export that was cancelled, or whose process ended: the next one to its path continues it. */
export const unfinishedExportSchema = z.object({
  path: z.string(),
  /** On the disk. */
  bytes: z.number(),
  /** When it was last written to, in milliseconds since 1970. */
  time: z.number(),
})
export type UnfinishedExport = z.infer<typeof unfinishedExportSchema>

/** What an export will cost, before it starts. */
export const forecastSchema = z.object({
  seconds: z.number(),
  memoryBytes: z.number(),
  /** Size of the output. */
  diskBytes: z.number(),
  /** What the models' contributions take in the cache, and how much of that is not there yet; 0 where none are kept. */
  contributions: z.object({ bytes: z.number(), missingBytes: z.number() }),
  /** A folder (diffusers) or a file. */
  folder: z.boolean(),
  warnings: z.array(z.string()),
})

/** Whether an export is as it was written. true: it is; false: it is not; null: nothing says what was written. */
export const verificationSchema = z.object({
  path: z.string(),
  intact: z.boolean(),
  files: z.array(
    z.object({
      path: z.string(),
      /** Data of all tensors. */
      data: z.boolean().nullable(),
      /** Names, types, shapes and places of all tensors. */
      names: z.boolean().nullable(),
      /** Recipe and all other metadata. */
      metadata: z.boolean().nullable(),
    }),
  ),
  /** Files of a folder that differ from those that were written. */
  missing: z.array(z.string()),
  changed: z.array(z.string()),
  added: z.array(z.string()),
})
export type Verification = z.infer<typeof verificationSchema>

export type ExportResult = z.infer<typeof exportResultSchema>
export type Forecast = z.infer<typeof forecastSchema>
