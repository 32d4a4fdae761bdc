import { ClipScorer } from '../../engine/evaluate/clip/clip-scorer'
import {
  captionsOf,
  measureClipScores,
  summariseClipScores,
  type ModelClipScores,
} from '../../engine/evaluate/clip/clip-table'
import { forEachRow } from '../../engine/evaluate/compare/compare-methods'
import { openRun } from './evaluate'
import type { TaskRunner } from '../task'
import { openModel } from '../../engine/merge/open-model'

/** Draws captions with every model and scores the pictures with CLIP; the table grows row by row. */
export const clip: TaskRunner<'clip'> = async (task, context) => {
  const { rows, clip: wanted, data, device } = task
  const { signal, emit } = context
  const run = await openRun(task, task, context)
  try {
    const scorer = await ClipScorer.load(await openModel(wanted.model), device.provider)
    try {
      const progress = (phase: string, fraction: number): void => emit({ type: 'progress', phase, fraction })
      const { pipeline } = await run.loadNetwork((phase) => progress(phase, 0))
      const { seeds, steps, guidance, prompts } = wanted
      const settings = { seeds, steps, guidance, seed: data.seed }
      const domains = captionsOf(run.domains, prompts)
      const counts = domains.map((domain) => ({ name: domain.name, prompts: domain.prompts.length }))
      const scores: ModelClipScores[] = []
      await forEachRow(
        rows,
        async (row, index) => {
          const part = (fraction: number): number => (index + fraction) / rows.length
          const { model } = await run.modelOf(row, () => progress(`making ${row.name}`, part(0)))
          const onProgress = (name: string, fraction: number): void => progress(`drawing with ${name}`, part(fraction))
          scores.push(
            ...(await measureClipScores(pipeline, scorer, [model], domains, settings, { signal, onProgress })),
          )
          emit({ type: 'clip-scores', domains: counts, scores: summariseClipScores(scores) })
        },
        (name, error) => emit({ type: 'row-failed', name, error }),
      )
      return { kind: 'clip', rows: scores.length }
    } finally {
      await scorer.release()
    }
  } finally {
    await run.release()
  }
}
