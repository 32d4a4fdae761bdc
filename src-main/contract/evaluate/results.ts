import { z } from 'zod'
import { clipReportSchema } from './clip'
import { driftReportSchema } from './drift'
import { evaluationReportSchema } from './report'
import { searchReportSchema } from './search'

export const evaluationResultsSchema = z.object({
  table: evaluationReportSchema.nullable(),
  comparison: evaluationReportSchema.nullable(),
  search: searchReportSchema.nullable(),
  drift: driftReportSchema.nullable().default(null),
  clip: clipReportSchema.nullable().default(null),
})

export type EvaluationResults = z.infer<typeof evaluationResultsSchema>

export const EMPTY_RESULTS: EvaluationResults = { table: null, comparison: null, search: null, drift: null, clip: null }
