import { z } from 'zod'

/** What the jobs are about that draw them. */
export const DOMAIN_PICTURES = 'domain-pictures'

/** Who draws what: the first caption of every domain, drawn by every row of the table. */
export const domainPicturesSchema = z.object({
  domains: z.array(z.object({ name: z.string(), prompt: z.string() })),
  /** By row and domain; those that are drawn. */
  pictures: z.array(z.object({ row: z.string(), domain: z.string(), url: z.string() })),
  /** How many are not. */
  missing: z.number(),
})

export type DomainPictures = z.infer<typeof domainPicturesSchema>
