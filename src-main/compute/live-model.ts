import type { TaskOf } from '../contract/protocol/compute-tasks'
import { type Reading, readingOf } from '../contract/document/project'
import { loadPipeline } from '../engine/diffusion/load-pipeline'
import type { Pipeline } from '../engine/diffusion/pipeline'
import type { Checkpoint } from '../engine/checkpoint/model/checkpoint'
import { openModel } from '../engine/merge/open-model'
import type { MergePlan } from '../engine/merge/plan/merge-plan'

/** What all merges of a family are drawn with but the weights of the UNet. */
export interface LiveModel extends Reading {
  base: string
  /** Another VAE than the base's. */
  vae: string | undefined
}

/** Its files, opened. */
export interface LiveFiles {
  checkpoint: Checkpoint
  vae: Checkpoint | undefined
}

export interface LiveLoading {
  device: TaskOf<'preview'>['device']
  clipVocabulary: string
  /** Of an operator; the runtime's own choice if absent. */
  threads?: number
}

/** What draws the merge of a plan. */
export function liveModelOf({ base, project }: MergePlan): LiveModel {
  return { base: base.path, vae: project.output.vae, ...readingOf(project) }
}

/** @throws what openModel throws */
export async function openLiveFiles({ base, vae, ...reading }: LiveModel): Promise<LiveFiles> {
  return { checkpoint: await openModel(base, reading), vae: vae === undefined ? undefined : await openModel(vae) }
}

/** A pipeline whose UNet takes the weights of any merge of the base's family. @throws what loadPipeline throws */
export function loadLivePipeline({ checkpoint, vae }: LiveFiles, loading: LiveLoading): Promise<Pipeline> {
  return loadPipeline(checkpoint, { ...loading, liveUnet: true, ...(vae && { vae }) })
}
