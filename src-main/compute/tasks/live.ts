import { planMerge } from '../../engine/merge/open-model'
import { drawPictures } from '../draw-pictures'
import { feedMerge, planFeeding } from '../feed-merge'
import { mergedFile } from '../merged-file'
import { openPipeline } from '../resident-model'
import type { TaskRunner } from '../task'

/** Draws the same few pictures of a merge with few steps, then with all; cut at the next step when it is cancelled. */
export const live: TaskRunner<'live'> = async ({ model, stages, device, cacheFolder }, context) => {
  const { emit } = context
  const progress = (phase: string) => (fraction: number) => emit({ type: 'progress', phase, fraction })
  const runs = stages.reduce((sum, pictures) => sum + pictures[0]!.steps, 0)
  const { plan, feeding } = await planFeeding(model.merge!, device, runs, (merge) =>
    planMerge(merge, { signal: context.signal }),
  )
  emit({ type: 'feeding', feeding })
  const pipeline =
    feeding.mode === 'fed'
      ? (
          await feedMerge(plan, { device, cacheFolder }, context, {
            onContributions: progress('contributions'),
            onLoading: () => progress('loading')(0),
            onSumming: () => progress('summing')(0),
          })
        ).pipeline
      : await openPipeline(
          { ...model, path: await mergedFile(model, plan, { device, cacheFolder }, context, progress('summing')) },
          device,
          context,
        )
  for (const pictures of stages) await drawPictures(pipeline, pictures, context, progress('drawing'))
  return { kind: 'live' }
}
