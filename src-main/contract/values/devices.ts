import { z } from 'zod'

/** Where networks run, as people choose it. */
export const DEVICES = ['auto', 'cpu', 'cuda', 'dml', 'webgpu'] as const

/** An execution provider, as it was found on this machine. */
export const providerStatusSchema = z.object({
  provider: z.enum(['cpu', 'cuda', 'dml', 'webgpu', 'coreml']),
  available: z.boolean(),
  /** Why it is not used, as the end of a sentence. */
  reason: z.string().exactOptional(),
  /** The runtime's own words for it. */
  detail: z.string().exactOptional(),
  deviceName: z.string().exactOptional(),
  /** Bytes. */
  deviceMemory: z.number().exactOptional(),
  float16: z.boolean().exactOptional(),
  fusedAttention: z.boolean().exactOptional(),
})

export type ProviderReport = z.infer<typeof providerStatusSchema>
