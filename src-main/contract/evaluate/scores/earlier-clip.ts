import { z } from 'zod'
import type { Estimate } from '../losses'
import type { ScoreReport } from './scores'

/** Results of versions in which CLIP was the only scorer: means with standard errors. */
const estimateSchema = z
  .object({ value: z.number(), standardError: z.number().nullable() })
  .transform(({ value, standardError: error }): Estimate => {
    // Two standard errors to either side are about what a bootstrap gives.
    return { value, interval: error === null ? null : { low: value - 2 * error, high: value + 2 * error } }
  })
const cellSchema = z.object({ score: estimateSchema, difference: estimateSchema.nullable() })
const reportSchema = z.looseObject({
  settings: z.looseObject({ model: z.unknown() }),
  scores: z.array(z.looseObject({ domains: z.array(cellSchema), mean: cellSchema })),
})

/** Kept results with CLIP scores of an earlier version among the scores; what cannot be read is left out. */
export function withScores(results: unknown): unknown {
  const earlier = z.looseObject({ clip: z.unknown() }).safeParse(results)
  if (!earlier.success || earlier.data['scores'] !== undefined) return results
  const { clip, ...others } = earlier.data
  const report = reportSchema.safeParse(clip)
  if (!report.success) return others
  const { model: _model, ...settings } = report.data.settings
  const models = report.data.scores as unknown as ScoreReport['scores'][number]['models']
  return { ...others, scores: { ...report.data, settings, scores: [{ scorer: 'clip', models, best: [] }] } }
}
