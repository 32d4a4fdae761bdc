import type { TaskOf } from '../contract/protocol/compute-tasks'
import type { LiveFeeding } from '../contract/preview'
import type { Project } from '../contract/document/project'
import { denoiserOf } from '../engine/checkpoint/denoisers'
import { reasonAgainstFeeding, type FeedOptions, type LiveMerge } from '../engine/merge/live-merge'
import type { MergePlan } from '../engine/merge/plan/merge-plan'
import { BYTES_PER_ELEMENT, elementCount } from '../engine/tensor/element-type'
import { liveModelOf } from './live-model'
import { openLiveModel } from './resident-model'
import type { TaskContext } from './task'

type Device = TaskOf<'live'>['device']

/** Bytes that reach a device in a second, beside its own memory: what feeding weights costs with every run. */
const TRANSFER_BYTES_PER_SECOND = 8e9
/** Summing and writing a checkpoint, and preparing a network from it (architecture.md, 'ONNX Runtime, as seen here'). */
const WRITE_BYTES_PER_SECOND = 4e8
const LOAD_SECONDS_PER_BYTE = 5e-9

/** A merge whose weights can be fed, and what that needs. */
export interface FeedableMerge {
  plan: MergePlan
  feeding: LiveFeeding
}

/**
 * Whether a merge's weights are to be fed into a network that stays, or are better written once.
 * @param runs of the UNet that its pictures take
 */
export function chooseFeeding(plan: MergePlan, { provider }: Device, runs: number): LiveFeeding {
  const elements = [...(denoiserOf(plan.base)?.tensors.values() ?? [])].reduce(
    (sum, { shape }) => sum + elementCount(shape),
    0,
  )
  const bytes = elements * BYTES_PER_ELEMENT.F32
  // A processor reads weights where they lie.
  const fedSeconds = provider === 'cpu' ? 0 : (runs * bytes) / TRANSFER_BYTES_PER_SECOND
  const rebuiltSeconds = bytes / WRITE_BYTES_PER_SECOND + bytes * LOAD_SECONDS_PER_BYTE
  const reason = plan.base.components.has('vae') ? reasonAgainstFeeding(plan) : 'The base is not a whole pipeline.'
  const mode = reason === null && fedSeconds <= rebuiltSeconds ? 'fed' : 'rebuilt'
  return { mode, fedSeconds: reason === null ? fedSeconds : null, rebuiltSeconds, reason }
}

export interface FeedingOptions extends Pick<FeedOptions, 'also'> {
  /** Fraction of computing contributions that are not there yet. */
  onContributions(fraction: number): void
  onLoading(): void
  onSumming(): void
}

/**
 * The base's pipeline with the weights of a merge, as its export would have them: loaded once for all merges of a base,
 * summed again only where weights changed.
 */
export async function feedMerge(
  plan: MergePlan,
  { device, cacheFolder }: { device: Device; cacheFolder: string },
  context: TaskContext,
  { also, ...progress }: FeedingOptions,
): Promise<LiveMerge> {
  const live = await openLiveModel(liveModelOf(plan), { device, cacheFolder }, context, progress.onLoading)
  const { summed, tensors, seconds } = await live.feed(plan, {
    signal: context.signal,
    ...(also && { also }),
    onForecast: (forecast) => context.emit({ type: 'contributions', ...forecast }),
    onContributions: progress.onContributions,
    onSumming: progress.onSumming,
  })
  context.emit({ type: 'summed', tensors: summed, of: tensors, seconds })
  return live
}

/**
 * A merge, planned, and how its weights reach the network.
 * @param planning plans merges
 */
export async function planFeeding(
  merge: Project,
  device: Device,
  runs: number,
  planning: (merge: Project) => Promise<MergePlan>,
): Promise<FeedableMerge> {
  const plan = await planning(merge)
  return { plan, feeding: chooseFeeding(plan, device, runs) }
}
