import { hashFile } from '../engine/checkpoint/hash'
import { openCheckpoint } from '../engine/checkpoint/open'
import { forecast as forecastPlan } from '../engine/merge/forecast'
import { planMerge } from '../engine/merge/plan'
import { runMerge } from '../engine/merge/run'
import { noiseWarnings, sharesInWords, sharesOf } from '../engine/merge/verdict'
import { releaseModel } from './resident-model'
import { phaseProgress, type TaskRunner } from './task'

const EXPORT_PHASES = {
  hashing: [0, 0.05],
  merging: [0.05, 0.92],
  flushing: [0.92, 0.95],
  'hashing the result': [0.95, 1],
} as const

/** What an export would cost. */
export const forecast: TaskRunner<'forecast'> = async ({ project, provider }) => {
  const plan = await planMerge(project)
  const { seconds, memoryBytes, outputBytes } = await forecastPlan(plan, provider)
  const { warnings } = plan
  return {
    kind: 'forecast',
    forecast: { seconds, memoryBytes, diskBytes: outputBytes, folder: plan.output.folder, warnings },
  }
}

/** Merges into a file or folder of the person's choice. */
export const exportModel: TaskRunner<'export'> = async (task, context) => {
  const { project, path, overwrite, provider, cacheFolder } = task
  const { signal, workerFile, clipVocabulary } = context
  const onProgress = phaseProgress(context, EXPORT_PHASES)
  await releaseModel()
  const plan = await planMerge(project)
  const options = { path, overwrite, provider, cacheFolder, signal, workerFile, clipVocabulary, onProgress }
  const result = await runMerge(plan, options)
  const written = await openCheckpoint(result.path)
  const files: { path: string; sha256: string }[] = []
  for (const file of written.files) {
    files.push({ path: file.path, sha256: await hashFile(file.path, { cacheFolder, signal }) })
    onProgress('hashing the result', files.length / written.files.length)
  }
  const { adds, shares } = sharesOf(plan, result.layers)
  return {
    kind: 'export',
    export: {
      path: result.path,
      bytes: result.bytes,
      seconds: result.seconds,
      files,
      shares: { adds, models: shares, words: sharesInWords({ adds, shares }) },
      warnings: [...plan.warnings, ...noiseWarnings(result.layers)],
      overflowed: result.overflowed,
    },
  }
}
