import { mkdir, stat, utimes } from 'node:fs/promises'
import { dirname } from 'node:path'
import { openCheckpoint } from '../engine/checkpoint/open'
import { loadPipeline } from '../engine/diffusion/load-pipeline'
import { writePicture } from '../engine/diffusion/picture-file'
import type { Pipeline } from '../engine/diffusion/pipeline'
import { encodePng } from '../engine/diffusion/png'
import { throwIfCancelled } from '../engine/merge/cancel'
import { planMerge } from '../engine/merge/plan'
import { runMerge } from '../engine/merge/run'
import { phaseProgress, type TaskContext, type TaskOf, type TaskRunner } from './task'

type PreviewModel = TaskOf<'preview'>['models'][number]
type PreviewPicture = TaskOf<'preview'>['pictures'][number]

/** The one model that stays loaded: the next preview often begins with it. */
let resident: { key: string; pipeline: Pipeline } | null = null

/** Frees the loaded model's memory and files, so that they can be replaced. */
export async function releaseModel(): Promise<void> {
  const old = resident
  resident = null
  await old?.pipeline.release()
}

/** Makes pictures, model by model; merges are written to the cache by the export's own code, and found there again. */
export const preview: TaskRunner<'preview'> = async (task, context) => {
  const { models, pictures } = task
  let made = 0
  for (const [index, model] of models.entries()) {
    const [from, to] = [index / models.length, (index + 1) / models.length]
    const mergeEnd = model.merge ? from + (to - from) / 2 : from
    const progress = phaseProgress(context, {
      merging: [from, mergeEnd],
      loading: [mergeEnd, mergeEnd],
      drawing: [mergeEnd, to],
    })
    const path = model.merge ? await mergedModel(model, task, context, progress) : model.path
    progress('loading', 0)
    const loaded = await load(model, path, task.device, context)
    const own = pictures.filter((picture) => picture.model === model.key)
    await draw(loaded, own, context, progress)
    made += own.length
  }
  return { kind: 'preview', pictures: made }
}

/** Where the merge lies, made now if it is not there yet. */
async function mergedModel(
  { path, merge }: PreviewModel,
  { device: { provider }, cacheFolder }: TaskOf<'preview'>,
  { signal, workerFile, clipVocabulary }: TaskContext,
  progress: (phase: string, fraction: number) => void,
): Promise<string> {
  const plan = await planMerge(merge!)
  const target = plan.output.folder ? path : `${path}.safetensors`
  const exists = await stat(target).catch(() => null)
  if (exists) {
    const now = new Date()
    await utimes(target, now, now)
    return target
  }
  await mkdir(dirname(target), { recursive: true })
  const onProgress = (phase: string, fraction: number): void => {
    if (phase === 'merging') progress('merging', fraction)
  }
  await runMerge(plan, { path: target, provider, cacheFolder, signal, workerFile, clipVocabulary, onProgress })
  return target
}

async function load(
  { key, base }: PreviewModel,
  path: string,
  device: TaskOf<'preview'>['device'],
  { signal, clipVocabulary }: TaskContext,
): Promise<NonNullable<typeof resident>> {
  const wanted = `${device.provider} ${key}`
  if (resident?.key === wanted) return resident
  throwIfCancelled(signal)
  await releaseModel()
  const checkpoint = await openCheckpoint(path)
  const lender = path === base ? checkpoint : await openCheckpoint(base)
  const pipeline = await loadPipeline(checkpoint, { base: lender, device, clipVocabulary })
  resident = { key: wanted, pipeline }
  return resident
}

async function draw(
  { pipeline }: NonNullable<typeof resident>,
  pictures: readonly PreviewPicture[],
  { signal, tell }: TaskContext,
  progress: (phase: string, fraction: number) => void,
): Promise<void> {
  const first = pictures[0]
  if (!first) return
  const { steps, guidance, scheduler } = first
  const writing: Promise<void>[] = []
  await pipeline.generate(
    { pictures, steps, guidance, scheduler, width: pipeline.nativeEdge, height: pipeline.nativeEdge },
    {
      signal,
      onStep: ({ done, total }) => progress('drawing', done / total),
      onPicture: ({ index, width, height, pixels }) => {
        const picture = pictures[index]!
        const bytes = encodePng({ width, height, channels: 3, data: pixels }, parametersOf(picture, width, height))
        writing.push(
          writePicture(picture.file, bytes).then(() => tell({ type: 'picture', id: picture.id, width, height })),
        )
      },
    },
  )
  await Promise.all(writing)
}

function parametersOf(picture: PreviewPicture, width: number, height: number): Parameters<typeof encodePng>[1] {
  const { prompt, negativePrompt, steps, guidance, scheduler, seed } = picture
  const settings = new Map([
    ['Steps', String(steps)],
    ['Sampler', scheduler],
    ['CFG scale', String(guidance)],
    ['Seed', String(seed)],
    ['Size', `${width}x${height}`],
  ])
  return { prompt, negativePrompt, settings }
}
