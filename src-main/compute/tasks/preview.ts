import type { TaskOf } from '../../contract/protocol/compute-tasks'
import { projectSchema, takingPart, type Project } from '../../contract/document/project'
import { drawingRuns } from '../../contract/preview'
import { mergePlanner, openEither } from '../../engine/merge/open-model'
import type { MergePlan } from '../../engine/merge/plan/merge-plan'
import { feedMerge, planFeeding } from '../feed-merge'
import { liveModelOf } from '../live-model'
import { mergedFile } from '../merged-file'
import { openPipeline } from '../resident-model'
import { SideBySide, type ReadyModel } from '../side-by-side'
import { contextsOfParts, phaseProgress, type TaskContext, type TaskRunner } from '../task'

type PreviewTask = TaskOf<'preview'>
type PreviewModel = PreviewTask['models'][number]

/**
 * Makes pictures, model by model. Merges whose weights can be fed go through one network one after the other, and so do
 * the models that they are made of; of a small model, threads draw some of them while the next is summed here. Others
 * are written to the cache by the export's own code, and found there again.
 */
export const preview: TaskRunner<'preview'> = async ({ models, pictures, ...task }, context) => {
  const beside = new SideBySide(models.length, task.device, context)
  const planning = mergePlanner({ signal: beside.context.signal })
  const contexts = contextsOfParts(beside.context, models.length)
  let made = 0
  await beside.run(async () => {
    for (const [index, model] of models.entries()) {
      const own = contexts[index]!
      const progress = phaseProgress(own, { merging: [0, 0.5], loading: [0.5, 0.5], drawing: [0.5, 1] })
      const drawn = pictures.filter((picture) => picture.model === model.key)
      const runs = drawn.reduce((sum, picture) => sum + drawingRuns(1, picture), 0)
      const started = performance.now()
      const ready = await readied(model, { ...task, models }, drawn[0]?.steps ?? 0, planning, own, progress)
      const readying = (performance.now() - started) / 1000
      await beside.draw(ready, drawn, own, {
        onProgress: (fraction) => progress('drawing', fraction),
        onDrawn: (drawing) => context.emit({ type: 'drawn', readying, drawing, runs }),
      })
      made += drawn.length
    }
  })
  return { kind: 'preview', pictures: made }
}

/** The network with a model's weights. */
async function readied(
  model: PreviewModel,
  task: Omit<PreviewTask, 'pictures'>,
  runs: number,
  planning: (merge: Project) => Promise<MergePlan>,
  context: TaskContext,
  progress: (phase: string, fraction: number) => void,
): Promise<ReadyModel> {
  const { device } = task
  const merge = model.merge ?? (await asMerge(model, task.models))
  const feedable = merge && (await planFeeding(merge, device, runs, planning))
  if (feedable?.feeding.mode === 'fed') {
    const live = await feedMerge(feedable.plan, task, context, {
      also: weighedBy(task.models),
      onContributions: (fraction) => progress('merging', fraction),
      onLoading: () => progress('merging', 0),
      onSumming: () => progress('merging', 1),
    })
    return { pipeline: live.pipeline, fed: { model: liveModelOf(feedable.plan), weights: live.weights } }
  }
  const path =
    model.merge && feedable
      ? await mergedFile(model, feedable.plan, task, context, (fraction) => progress('merging', fraction))
      : model.path
  progress('loading', 0)
  return { pipeline: await openPipeline({ ...model, path }, device, context), fed: null }
}

/** Paths of the models that any of the merges gives a weight: what is computed of them serves all of these merges. */
function weighedBy(models: readonly PreviewModel[]): ReadonlySet<string> {
  const entries = models.flatMap(({ merge }) => takingPart(merge?.models ?? []))
  const weighed = entries.filter(
    ({ weight, blocks, layers }) => weight !== 0 || Object.keys(blocks).length > 0 || layers.length > 0,
  )
  return new Set(weighed.map(({ path }) => path))
}

/**
 * A plain model as a soup of which it is all, so that the network of the merges beside it can draw it too; null where
 * there is no such merge, or the model brings more than a UNet.
 */
async function asMerge(
  { path, base, prediction, ema }: PreviewModel,
  models: readonly PreviewModel[],
): Promise<PreviewModel['merge']> {
  const other = models.find(({ merge }) => merge)?.merge
  const another = other?.models.find((entry) => entry.path !== base)
  if (!other || !another) return null
  if (path !== base) {
    const opened = await openEither(path)
    if ('modules' in opened || opened.components.size > 1) return null
  }
  return projectSchema.parse({
    format: other.format,
    version: other.version,
    prediction,
    ema,
    models: [
      { name: 'base', path: base, weight: path === base ? 1 : 0 },
      { name: 'model', path: path === base ? another.path : path, weight: path === base ? 0 : 1 },
    ],
    method: { name: 'soup' },
  })
}
