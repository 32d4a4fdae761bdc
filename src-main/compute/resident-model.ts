import type { TaskOf } from '../contract/protocol/compute-tasks'
import { readingOf } from '../contract/document/project'
import { filesBehind, openModel, openSpecialist } from '../engine/merge/open-model'
import type { SpecialistOptions } from '../engine/merge/plan/plan'
import { loadPipeline } from '../engine/diffusion/load-pipeline'
import type { Pipeline } from '../engine/diffusion/pipeline'
import { throwIfCancelled } from '../engine/cancel'
import { LiveMerge } from '../engine/merge/live-merge'
import { loadLivePipeline, openLiveFiles, type LiveModel } from './live-model'
import type { TaskContext } from './task'

type Device = TaskOf<'preview'>['device']

/** The one model that stays loaded: the next preview often begins with it. */
let resident: { key: string; pipeline: Pipeline; live: LiveMerge | null } | null = null

/** Bytes that the loaded model takes. */
export function heldBytes(): number {
  return resident?.pipeline.parts.loadedBytes ?? 0
}

/** Frees the loaded model's memory and files, so that they can be replaced. */
export async function releaseModel(): Promise<void> {
  const old = resident
  resident = null
  old?.live?.closeFiles()
  await old?.pipeline.release()
}

/** Closes the files that its weights are summed from, so that they can be replaced. */
export function closeSources(): void {
  resident?.live?.closeFiles()
}

/**
 * A model from its files.
 * @param key names it and the state of its files
 * @param base lends the parts that it lacks
 */
export async function openPipeline(
  { key, path, base, ...options }: { key: string; path: string; base: string } & SpecialistOptions,
  device: Device,
  { signal, clipVocabulary }: TaskContext,
): Promise<Pipeline> {
  const wanted = `${device.provider} ${key}`
  if (resident?.key === wanted) return resident.pipeline
  throwIfCancelled(signal)
  await releaseModel()
  const lender = await openModel(base, options)
  const checkpoint = path === base ? lender : await openSpecialist(path, () => Promise.resolve(lender), options)
  const pipeline = await loadPipeline(checkpoint, { base: lender, device, clipVocabulary })
  resident = { key: wanted, pipeline, live: null }
  return pipeline
}

/**
 * A base's pipeline whose UNet takes the weights of any merge of its family.
 * @param onLoading called before it is loaded, if it is not there
 */
export async function openLiveModel(
  model: LiveModel,
  { device, cacheFolder }: { device: Device; cacheFolder: string },
  { signal, workerFile, clipVocabulary }: TaskContext,
  onLoading: () => void,
): Promise<LiveMerge> {
  const opened = await openLiveFiles(model)
  const files = [await filesBehind(opened.checkpoint), opened.vae && (await filesBehind(opened.vae))]
  const wanted = JSON.stringify(['live', device.provider, cacheFolder, files, readingOf(model)])
  if (resident?.key === wanted && resident.live) return resident.live
  onLoading()
  throwIfCancelled(signal)
  await releaseModel()
  const pipeline = await loadLivePipeline(opened, { device, clipVocabulary })
  const live = new LiveMerge(pipeline, { cacheFolder, provider: device.provider, workerFile })
  resident = { key: wanted, pipeline, live }
  return live
}
