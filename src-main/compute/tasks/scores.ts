import type { ErrorReport } from '../../contract/errors'
import { withSearchedScales } from '../../engine/evaluate/compare/compare-methods'
import { promptsFor } from '../../engine/evaluate/data/prompt-domains'
import { checkScorers, drawAndScore } from '../../engine/evaluate/scored-pictures/score-table'
import type { TaskRunner } from '../task'
import { openRun } from './evaluate'

/** Of a comparison's scores: the time in which scales of methods are searched. */
const SEARCHING_PART = 0.2

/** Draws prompts with every model and scores the pictures; the tables come scorer by scorer. */
export const scores: TaskRunner<'scores'> = async (task, context) => {
  const { rows, scorers, data } = task
  const { seeds, steps, guidance } = task.scores
  const { emit } = context
  const run = await openRun(task, task, context)
  try {
    await checkScorers(scorers, run.scoring)
    const domains = await promptsFor(run.domains, task.scores)
    const counts = domains.map(({ name, prompts }) => ({ name, prompts: prompts.length }))
    const drawn = { domains, seeds, seed: data.seed, settings: { steps, guidance } }
    const from = rows.some(({ searchesScale }) => searchesScale) ? SEARCHING_PART : 0
    const progress = (first: number, last: number) => (phase: string, fraction: number) =>
      emit({ type: 'progress', phase, fraction: first + (last - first) * fraction })
    const onFailed = (name: string, error: ErrorReport): void => emit({ type: 'row-failed', name, error })
    // Those that the comparison has found are kept: nothing is measured again.
    const scaled = await withSearchedScales(run, rows, { onProgress: progress(0, from), onFailed })
    const found = await drawAndScore(run, scaled, drawn, scorers, {
      onProgress: progress(from, 1),
      onScores: (summaries) => emit({ type: 'scores', domains: counts, scores: summaries }),
      onFailed,
    })
    return { kind: 'scores', scorers: found.length }
  } finally {
    await run.release()
  }
}
