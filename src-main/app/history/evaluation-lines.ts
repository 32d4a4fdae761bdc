import { aimedText, aimsInWords } from '../../contract/evaluate/search/aims'
import type { DriftReport } from '../../contract/evaluate/drift'
import type { EvaluationResults } from '../../contract/evaluate/results'
import { bestInWords, scoreText, type ScoreReport } from '../../contract/evaluate/scores/scores'
import { SCORER_DESCRIPTIONS } from '../../contract/evaluate/scores/scorers'
import type { SearchReport } from '../../contract/evaluate/search/search'
import { tableVerdict } from '../../contract/evaluate/table-verdict'
import type { EvaluationPart } from '../../contract/history'
import { figure } from '../../contract/values/figures'

/** What an evaluation found, in a line. */
export function evaluationLine(part: EvaluationPart, results: EvaluationResults): string {
  const { table, comparison, search, drift } = results
  if (part === 'table') return table?.summary ? tableVerdict(table.summary) : ''
  if (part === 'comparison') return comparison?.verdict ?? ''
  if (part === 'search') return search ? searchLine(search) : ''
  if (part === 'drift') return drift ? driftLine(drift) : ''
  const scores = results[part]
  return scores ? scoreLine(scores) : ''
}

function searchLine({ check, best, trials, aims }: SearchReport): string {
  if (check) return check.verdict
  return best
    ? `Best of ${trials.length} trials: ${aimsInWords(aims)} ${aimedText(best.score, aims)}.`
    : 'No weights were found.'
}

function driftLine({ drift: { layers } }: DriftReport): string {
  const inside = layers.map((layer) => layer.inside)
  if (inside.includes(null)) return 'Features of some layers are not numbers: the merge is broken.'
  const most = Math.max(...inside.map(Number))
  return `Inside the network, features differ from the prediction by at most ${figure(100 * most, 3)} %.`
}

function scoreLine({ domains, scores }: ScoreReport): string {
  const lines = scores.map((summary) => {
    const { scorer, models } = summary
    const named = models.map(({ name, mean }) => `${name} ${scoreText(scorer, mean.score.value)}`)
    const winner = bestInWords(summary, domains.length)
    return `${SCORER_DESCRIPTIONS[scorer].label}: ${named.join(', ')}.${winner && ` ${winner}`}`
  })
  return lines.length === 0 ? 'Nothing was scored.' : lines.join(' ')
}
