import type { TaskOf } from '../contract/protocol/compute-tasks'
import { stat, utimes } from 'node:fs/promises'
import { dirname } from 'node:path'
import { makePrivate, makePrivateFolder } from '../engine/files/writing/permissions'
import type { MergePlan } from '../engine/merge/plan/merge-plan'
import { longestPhase } from '../engine/merge/prepare'
import { runMerge } from '../engine/merge/run'
import type { TaskContext } from './task'

/** Where a merge lies in the cache, made now by the export's own code if it is not there yet. */
export async function mergedFile(
  { path }: { path: string },
  plan: MergePlan,
  { device: { provider }, cacheFolder }: Pick<TaskOf<'preview'>, 'device' | 'cacheFolder'>,
  { signal, workerFile, clipVocabulary }: TaskContext,
  onProgress: (fraction: number) => void,
): Promise<string> {
  const target = plan.output.folder ? path : `${path}.safetensors`
  const exists = await stat(target).catch(() => null)
  if (exists) {
    const now = new Date()
    await utimes(target, now, now)
    return target
  }
  makePrivateFolder(dirname(target))
  await runMerge(plan, {
    path: target,
    provider,
    cacheFolder,
    signal,
    workerFile,
    clipVocabulary,
    onProgress: (phase, fraction) => {
      if (phase === longestPhase(plan)) onProgress(fraction)
    },
  })
  makePrivate(target)
  return target
}
