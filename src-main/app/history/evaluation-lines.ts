import type { ClipReport } from '../../contract/evaluate/clip'
import type { DriftReport } from '../../contract/evaluate/drift'
import type { EvaluationResults } from '../../contract/evaluate/results'
import type { SearchReport } from '../../contract/evaluate/search'
import { tableVerdict } from '../../contract/evaluate/table-verdict'
import type { EvaluationPart } from '../../contract/history'
import { figure } from '../../contract/values/figures'

/** What an evaluation found, in a line. */
export function evaluationLine(part: EvaluationPart, results: EvaluationResults): string {
  const { table, comparison, search, drift, clip } = results
  if (part === 'table') return table?.summary ? tableVerdict(table.summary) : ''
  if (part === 'comparison') return comparison?.verdict ?? ''
  if (part === 'search') return search ? searchLine(search) : ''
  if (part === 'drift') return drift ? driftLine(drift) : ''
  return clip ? clipLine(clip) : ''
}

function searchLine({ check, best, trials }: SearchReport): string {
  if (check) return check.verdict
  return best ? `Best of ${trials.length} trials: loss ${figure(best.score, 4)}.` : 'No weights were found.'
}

function driftLine({ drift: { layers } }: DriftReport): string {
  const inside = layers.map((layer) => layer.inside)
  if (inside.includes(null)) return 'Features of some layers are not numbers: the merge is broken.'
  const most = Math.max(...inside.map(Number))
  return `Inside the network, features differ from the prediction by at most ${figure(100 * most, 3)} %.`
}

function clipLine({ scores }: ClipReport): string {
  const named = scores.map(({ name, mean }) => `${name} ${mean.score.value.toFixed(2)}`)
  return named.length === 0 ? 'Nothing was scored.' : `CLIP score: ${named.join(', ')}.`
}
