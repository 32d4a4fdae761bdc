import { promptsFor } from '../../engine/evaluate/data/prompt-domains'
import { checkScorers, drawAndScore } from '../../engine/evaluate/scored-pictures/score-table'
import type { TaskRunner } from '../task'
import { openRun } from './evaluate'

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
    const found = await drawAndScore(run, rows, drawn, scorers, {
      onProgress: (phase, fraction) => emit({ type: 'progress', phase, fraction }),
      onScores: (summaries) => emit({ type: 'scores', domains: counts, scores: summaries }),
      onFailed: (name, error) => emit({ type: 'row-failed', name, error }),
    })
    return { kind: 'scores', scorers: found.length }
  } finally {
    await run.release()
  }
}
