import { z } from 'zod'
import { driftReportSchema } from './drift'
import { evaluationReportSchema } from './report'
import { scoreReportSchema } from './scores/scores'
import { searchReportSchema } from './search/search'
import { withScores } from './scores/earlier-clip'

const resultsSchema = z.object({
  table: evaluationReportSchema.nullable(),
  comparison: evaluationReportSchema.nullable(),
  search: searchReportSchema.nullable(),
  drift: driftReportSchema.nullable().default(null),
  scores: scoreReportSchema.nullable().default(null),
  /** Of the methods that are compared. */
  methodScores: scoreReportSchema.nullable().default(null),
})

/** Those of earlier versions, too. */
export const evaluationResultsSchema = z.preprocess(withScores, resultsSchema)

export type EvaluationResults = z.infer<typeof evaluationResultsSchema>

export const EMPTY_RESULTS: EvaluationResults = {
  table: null,
  comparison: null,
  search: null,
  drift: null,
  scores: null,
  methodScores: null,
}

/** Where the scores of a table or a comparison are kept. */
export const SCORES_OF = { table: 'scores', comparison: 'methodScores' } as const
