import { checkDriftable, driftOnData } from '../../engine/calibrate/drift-on-data'
import { openModel, planMerge } from '../../engine/merge/open-model'
import { mergedFile } from '../merged-file'
import { releaseModel } from '../resident-model'
import { phaseProgress, type TaskRunner } from '../task'

/** The sampling check: a merge's features against its models' own, layer by layer. */
export const drift: TaskRunner<'drift'> = async (task, context) => {
  const { project, data, samples, device, cacheFolder } = task
  const { signal, clipVocabulary } = context
  const progress = phaseProgress(context, { merging: [0, 0.1], 'comparing features': [0.1, 1] })
  await releaseModel()
  const plan = await planMerge(project, { signal })
  await checkDriftable(plan, data)
  const path = await mergedFile(task, plan, task, context, (fraction) => progress('merging', fraction))
  const found = await driftOnData(plan, await openModel(path), data, {
    base: plan.models[0]!.checkpoint,
    samples,
    device,
    clipVocabulary,
    cacheFolder,
    signal,
    onProgress: (fraction) => progress('comparing features', fraction),
  })
  context.emit({ type: 'feature-drift', drift: found })
  return { kind: 'drift', layers: found.layers.length }
}
