import { describedMethod } from '../../contract/methods/index'
import { hashFile } from '../../engine/checkpoint/hash'
import { openCheckpoint } from '../../engine/checkpoint/open'
import { forecastContributions } from '../../engine/merge/contributions/contributions'
import { forecast as forecastPlan } from '../../engine/merge/forecast'
import { planMerge } from '../../engine/merge/open-model'
import { PHASE_WORDS, runMerge } from '../../engine/merge/run'
import { sharesInWords, sharesOf, warningsOf } from '../../engine/merge/verdict'
import { releaseModel } from '../resident-model'
import { phaseProgress, type TaskRunner } from '../task'

/** How far a merge from contributions, or from fitted layers, has come when they are there. */
const CONTRIBUTED = 0.8
const EXPORT_PHASES = {
  'aligning models': [0, 0.02],
  hashing: [0.02, 0.04],
  [PHASE_WORDS.checking]: [0.04, 0.05],
  [PHASE_WORDS.contributing]: [0.05, CONTRIBUTED],
  [PHASE_WORDS.fitting]: [0.05, CONTRIBUTED],
  merging: [CONTRIBUTED, 0.92],
  flushing: [0.92, 0.95],
  'hashing the result': [0.95, 1],
} as const
/** Those of a merge that keeps no contributions. */
const DIRECT_PHASES = { ...EXPORT_PHASES, merging: [0.05, 0.92] } as const

/** What an export would cost. */
export const forecast: TaskRunner<'forecast'> = async ({ project, provider, cacheFolder }, { signal }) => {
  const plan = await planMerge(project, { signal })
  const contributions = await forecastContributions(plan, { cacheFolder, provider })
  const { seconds, memoryBytes, outputBytes, temporaryBytes } = await forecastPlan(plan, provider, contributions)
  const { warnings } = plan
  return {
    kind: 'forecast',
    forecast: {
      seconds,
      memoryBytes,
      diskBytes: outputBytes + temporaryBytes,
      contributions,
      folder: plan.output.folder,
      warnings,
    },
  }
}

/** Merges into a file or folder of the person's choice. */
export const exportModel: TaskRunner<'export'> = async (task, context) => {
  const { project, path, overwrite, provider, cacheFolder } = task
  const { signal, workerFile, clipVocabulary } = context
  const { reuse, name } = project.method
  const prepares = reuse || describedMethod(name).kind === 'sequential'
  const onProgress = phaseProgress(context, prepares ? EXPORT_PHASES : DIRECT_PHASES)
  await releaseModel()
  const plan = await planMerge(project, {
    signal,
    onAligning: (_, fraction) => onProgress('aligning models', fraction),
  })
  let resumed: string | null = null
  const result = await runMerge(plan, {
    ...{ path, overwrite, provider, cacheFolder, signal, workerFile, clipVocabulary },
    resume: { restart: false },
    onResume: (words) => (resumed = words),
    onProgress: (phase, fraction) => onProgress(PHASE_WORDS[phase], fraction),
  })
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
      warnings: [...plan.warnings, ...warningsOf(result, plan), ...result.notes],
      overflowed: result.overflowed,
      resumed,
    },
  }
}
