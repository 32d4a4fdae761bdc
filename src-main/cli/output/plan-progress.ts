import type { Project } from '../../contract/document/project'
import type { AlignListener } from '../../engine/merge/alignment/align-models'
import { planMerge } from '../../engine/merge/open-model'
import type { MergePlan } from '../../engine/merge/plan/merge-plan'
import { ProgressLine } from './output'

/** Plans a merge, with a line of progress while models are aligned. @throws what planMerge throws */
export function planWithProgress(project: Project, signal: AbortSignal): Promise<MergePlan> {
  return withAligning(signal, (listener) => planMerge(project, listener))
}

/** Runs what opens models, with a line of progress while they are aligned. */
export async function withAligning<Result>(
  signal: AbortSignal,
  task: (listener: AlignListener) => Promise<Result>,
): Promise<Result> {
  const progress = new ProgressLine()
  try {
    return await task({ signal, onAligning: (model, fraction) => progress.show(`aligning ${model}`, fraction) })
  } finally {
    progress.end()
  }
}
