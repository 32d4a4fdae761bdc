import type { TaskOf } from '../../contract/protocol/compute-tasks'
import { gainedProject } from '../../contract/document/project-evaluation'
import { modelSchema, type Project } from '../../contract/document/project'
import { judgedDomains, measureRows } from '../../engine/evaluate/compare/compare-methods'
import { compareRows } from '../../engine/evaluate/compare/leaderboard'
import { EvaluationRun } from '../../engine/evaluate/evaluation-run'
import { searchMerge } from '../../engine/evaluate/search/search-merge'
import { unlearnedGains } from '../../engine/evaluate/losses/unlearned-gains'
import { mergedFile } from '../merged-file'
import { releaseModel } from '../resident-model'
import { planMerge } from '../../engine/merge/open-model'
import type { TaskContext, TaskRunner } from '../task'

/** Of a search for gains: the time in which the merge is made that they scale. */
const MERGING_PART = 0.1

/** Measures models and merges on one set of pictures; the table grows row by row. */
export const evaluate: TaskRunner<'evaluate'> = async (task, context) => {
  const { emit } = context
  const run = await openRun(task, task, context, task.recognition)
  try {
    const judged = judgedDomains(run, task.rows)
    const measured = await measureRows(run, task.rows, {
      onProgress: (phase, fraction) => emit({ type: 'progress', phase, fraction }),
      onRow: (rows) => {
        const { summary, leaderboard, verdict } = compareRows(run, rows, judged)
        emit({
          type: 'losses',
          summary: { ...summary, timesteps: [...summary.timesteps] },
          unlearned: unlearnedGains(run.tableOf(rows, judged), summary, task.pairs),
          recognition: run.recognitionOf(rows),
          leaderboard: task.comparison ? leaderboard : null,
          verdict: task.comparison ? verdict : null,
        })
      },
      onFailed: (name, error) => emit({ type: 'row-failed', name, error }),
    })
    return { kind: 'evaluate', rows: measured.length }
  } finally {
    await run.release()
  }
}

/** Looks for better weights or gains; every trial and every best one is sent at once, so that a stop loses none. */
export const search: TaskRunner<'search'> = async (task, context) => {
  const { emit, signal } = context
  const project = await searchedProject(task, context)
  const from = task.path === null ? 0 : MERGING_PART
  const run = await openRun(task, { ...project, base: project.models[0]!.path }, context)
  const { prompts, seeds, steps, guidance } = task.scores
  const drawing = { seeds, seed: task.data.seed, settings: { steps, guidance } }
  try {
    const { best, check, trials, work } = await searchMerge(
      run,
      project,
      { ...task, scores: { files: task.scorers, prompts, drawing } },
      {
        onProgress: (phase, fraction) => emit({ type: 'progress', phase, fraction: from + (1 - from) * fraction }),
        onStart: (start) => emit({ type: 'search', search: start }),
        onTrial: ({ index, score, isStopped, isBest }, models) =>
          emit({
            type: 'trial',
            trial: { index, score: Number.isFinite(score) ? score : null, isStopped, isBest },
            models,
          }),
      },
      signal,
    )
    emit({ type: 'found', best, check, work })
    return { kind: 'search', trials }
  } finally {
    await run.release()
  }
}

/** The project whose weights are searched; for gains that of its merge, which is made first. */
async function searchedProject(task: TaskOf<'search'>, context: TaskContext): Promise<Project> {
  const { project, path } = task
  if (path === null) return project
  await releaseModel()
  const plan = await planMerge(project, { signal: context.signal })
  const merged = await mergedFile({ path }, plan, task, context, (fraction) =>
    context.emit({ type: 'progress', phase: 'merging', fraction: MERGING_PART * fraction }),
  )
  return gainedProject(project, modelSchema.parse({ name: 'merge', path: merged }))
}

/** What rows are measured with, on its own in memory. */
export async function openRun(
  { data, device, cacheFolder }: Pick<TaskOf<'evaluate'>, 'data' | 'device' | 'cacheFolder'>,
  { base, prediction, ema }: Pick<TaskOf<'evaluate'>, 'base' | 'prediction' | 'ema'>,
  { signal, workerFile, clipVocabulary }: TaskContext,
  recognition: TaskOf<'evaluate'>['recognition'] = null,
): Promise<EvaluationRun> {
  await releaseModel()
  return EvaluationRun.open({
    base,
    prediction,
    ema,
    data,
    device,
    cacheFolder,
    clipVocabulary,
    workerFile,
    signal,
    ...(recognition && {
      recognition: { drawing: { ...recognition.drawing, seed: data.seed }, clip: recognition.clip },
    }),
  })
}
