import type { TaskOf } from '../../contract/protocol/compute-tasks'
import { projectSchema, takingPart, type Project } from '../../contract/document/project'
import { drawingRuns } from '../../contract/preview'
import { mergePlanner, openEither } from '../../engine/merge/open-model'
import type { MergePlan } from '../../engine/merge/plan/merge-plan'
import type { Pipeline } from '../../engine/diffusion/pipeline'
import { drawPictures } from '../draw-pictures'
import { feedMerge, planFeeding } from '../feed-merge'
import { mergedFile } from '../merged-file'
import { openPipeline } from '../resident-model'
import { phaseProgress, type TaskContext, type TaskRunner } from '../task'
import { groupBy } from '../../contract/values/group-by'

type PreviewTask = TaskOf<'preview'>
type PreviewModel = PreviewTask['models'][number]

/**
 * Makes pictures, model by model. Merges whose weights can be fed go through one network one after the other, and so do
 * the models that they are made of; others are written to the cache by the export's own code, and found there again.
 */
export const preview: TaskRunner<'preview'> = async (task, context) => {
  const { models, pictures } = task
  const planning = mergePlanner({ signal: context.signal })
  let made = 0
  for (const [index, model] of models.entries()) {
    const [from, to] = [index / models.length, (index + 1) / models.length]
    const half = from + (to - from) / 2
    const progress = phaseProgress(context, { merging: [from, half], loading: [half, half], drawing: [half, to] })
    const own = pictures.filter((picture) => picture.model === model.key)
    const started = performance.now()
    const pipeline = await pipelineOf(model, task, own[0]?.steps ?? 0, planning, context, progress)
    const ready = performance.now()
    let done = 0
    for (const group of drawnTogether(own)) {
      await drawPictures(pipeline, group, context, (fraction) =>
        progress('drawing', (done + fraction * group.length) / own.length),
      )
      done += group.length
    }
    const runs = own.reduce((sum, picture) => sum + drawingRuns(1, picture), 0)
    const seconds = { readying: (ready - started) / 1000, drawing: (performance.now() - ready) / 1000 }
    context.emit({ type: 'drawn', ...seconds, runs })
    made += own.length
  }
  return { kind: 'preview', pictures: made }
}

/** Pictures that share all that a scheduler is made of, in the order of the first of them. */
function drawnTogether(pictures: PreviewTask['pictures']): PreviewTask['pictures'][] {
  const keyOf = ({ steps, guidance, scheduler }: (typeof pictures)[number]): string =>
    JSON.stringify([steps, guidance, scheduler])
  return [...groupBy(pictures, keyOf).values()]
}

async function pipelineOf(
  model: PreviewModel,
  task: PreviewTask,
  runs: number,
  planning: (merge: Project) => Promise<MergePlan>,
  context: TaskContext,
  progress: (phase: string, fraction: number) => void,
): Promise<Pipeline> {
  const { device } = task
  const merge = model.merge ?? (await asMerge(model, task.models))
  const feedable = merge && (await planFeeding(merge, device, runs, planning))
  if (feedable?.feeding.mode === 'fed') {
    return feedMerge(feedable.plan, task, context, {
      also: weighedBy(task.models),
      onContributions: (fraction) => progress('merging', fraction),
      onLoading: () => progress('merging', 0),
      onSumming: () => progress('merging', 1),
    })
  }
  const path =
    model.merge && feedable
      ? await mergedFile(model, feedable.plan, task, context, (fraction) => progress('merging', fraction))
      : model.path
  progress('loading', 0)
  return openPipeline({ ...model, path }, device, context)
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
