import type { Pipeline } from '../diffusion/pipeline'
import type { Provider } from '../runtime/session'
import { ensureContributions, layerTasksOf, type Contributions } from './contributions'
import { LiveWeights, type LiveUpdate } from './live-weights'
import { sourcesOf, type MergePlan } from './plan'
import { hashSources } from './recipe'

export interface FeedOptions {
  signal?: AbortSignal
  /** Called with the fraction of the contributions that is there, where some are missing. */
  onContributions?: (fraction: number) => void
}

/** The UNet of a pipeline as one merge of a family after the other: no file, no new session, sums where weights changed. */
export class LiveMerge {
  readonly #weights: LiveWeights
  #contributions: { key: string; value: Contributions } | null = null

  /** @param pipeline loaded with `liveUnet` */
  constructor(
    private readonly pipeline: Pipeline,
    private readonly options: { cacheFolder: string; provider: Provider; threads?: number },
  ) {
    this.#weights = new LiveWeights('unet', pipeline.unetWeightInputs)
  }

  /**
   * Gives the UNet the weights of a plan that `canFeed`.
   * @throws what ensureContributions and LiveWeights.update throw
   */
  async feed(plan: MergePlan, options: FeedOptions = {}): Promise<LiveUpdate> {
    const contributions = await this.#contributionsOf(plan, options)
    const update = await this.#weights.update(plan, contributions, options.signal)
    this.pipeline.setUnetWeights(this.#weights.tensors)
    return update
  }

  async #contributionsOf(plan: MergePlan, { signal, onContributions }: FeedOptions): Promise<Contributions | null> {
    const layers = layerTasksOf(plan)
    if (layers.length === 0) return null
    const { cacheFolder, provider, threads } = this.options
    const weighed = plan.models.map((_, model) => layers.some(({ weights }) => weights[model] !== 0))
    const key = JSON.stringify([plan.project.method, sourcesOf(plan), weighed])
    if (this.#contributions?.key !== key) {
      const hashes = await hashSources(plan, { cacheFolder, ...(signal && { signal }) })
      const value = await ensureContributions(plan, {
        cacheFolder,
        provider,
        hashes,
        ...(threads !== undefined && { threads }),
        ...(signal && { signal }),
        ...(onContributions && { onProgress: onContributions }),
      })
      this.#contributions = { key, value }
    }
    return this.#contributions.value
  }
}

/** Whether a merge's UNet is a sum of what the models contribute, and all that it merges. */
export function canFeed({ components, method, project }: MergePlan): boolean {
  if (components.some((name) => name !== 'unet') || method.kind === 'regression') return false
  return method.kind !== 'fusion' || project.method.reuse
}
