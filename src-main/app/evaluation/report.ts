import { identityOf } from '../../contract/document/names/model-identity'
import type { Project } from '../../contract/document/project'
import { evaluationKey } from '../../contract/document/project-evaluation'
import type { EvaluationReport, EvaluationRow } from '../../contract/evaluate/report'
import type { ResultHead } from '../../contract/evaluate/result-head'
import type { EvaluatedRow } from '../../engine/evaluate/evaluation-run'
import type { ComputeEvent } from '../../contract/protocol/compute'
import { rowWords } from './evaluation-plan'

interface StartedEvaluation {
  kind: EvaluationReport['kind']
  rows: readonly EvaluatedRow[]
  data: Pick<EvaluationReport, 'folder' | 'split'>
  job: string
}

/** What a result that begins now says of itself. @param slot where it is kept @param aims of a search */
export function resultHead(
  project: Project,
  slot: Parameters<typeof evaluationKey>[1],
  { folder, split }: Pick<ResultHead, 'folder' | 'split'>,
  aims?: Parameters<typeof evaluationKey>[2],
): ResultHead {
  return {
    time: Date.now(),
    key: evaluationKey(project, slot, aims),
    models: project.models.map(identityOf),
    ...{ folder, split },
  }
}

/** A table of which nothing is measured yet. */
export function newReport(project: Project, { kind, rows, data, job }: StartedEvaluation): EvaluationReport {
  return {
    ...{ kind, job },
    ...resultHead(project, kind, data),
    rows: reportRows(rows),
    summary: null,
    unlearned: [],
    recognition: null,
    leaderboard: null,
    verdict: null,
    done: false,
  }
}

export function reportRows(rows: readonly EvaluatedRow[]): EvaluationRow[] {
  return rows.map((row) => ({
    name: row.name,
    role: row.role,
    words: rowWords(row),
    recipe: row.merge && recipeOf(row.merge),
    error: null,
  }))
}

/** Method and weights of a merge that weighs whole models. */
function recipeOf({ method, models }: Project): EvaluationRow['recipe'] {
  const isWhole = models.every(({ blocks, layers }) => Object.keys(blocks).length === 0 && layers.length === 0)
  return isWhole ? { method, models: models.map(({ name, weight }) => ({ name, weight })) } : null
}

/** What an event changes of the table that is measured; null: nothing. */
export function changeBy(event: ComputeEvent, { rows }: EvaluationReport): Partial<EvaluationReport> | null {
  if (event.type === 'row-failed') return { rows: withFailure(rows, event) }
  if (event.type !== 'losses') return null
  const { type: _type, ...measured } = event
  return measured
}

export function withFailure(
  rows: readonly EvaluationRow[],
  { name, error }: Pick<EvaluationRow, 'name' | 'error'>,
): EvaluationRow[] {
  return rows.map((row) => (row.name === name ? { ...row, error } : row))
}
