import type { Pipeline } from '../diffusion/pipeline'
import type { Provider, Tensor } from '../runtime/session'
import type { ContributionForecast } from './contributions/contributions'
import type { Contributions } from './contributions/contribution-file'
import { rebuildingContributions, stillThere } from './contributions/kept-contributions'
import { LiveWeights, type LiveUpdate } from './live-weights'
import { layerTasksOf, sourcesOf, type MergePlan } from './plan/merge-plan'
import { contributionsOf } from './contributions/plan-contributions'
import { isDenoiser } from '../../contract/values/denoisers'

export interface FeedOptions {
  signal?: AbortSignal
  /** Paths of models whose contributions are wanted although this plan may give them no weight: the next ones do. */
  also?: ReadonlySet<string>
  /** Called with what the contributions take on disk, where they are not in memory yet. */
  onForecast?: (forecast: ContributionForecast) => void
  /** Called with the fraction of the contributions that is there, where some are missing. */
  onContributions?: (fraction: number) => void
  /** Called when the contributions are there. */
  onSumming?: () => void
}

/** The UNet of a pipeline as one merge of a family after the other: no file, no new session, sums where weights changed. */
export class LiveMerge {
  readonly #weights: LiveWeights
  #contributions: { key: string; value: Contributions } | null = null

  /** @param pipeline loaded with `liveUnet` */
  constructor(
    readonly pipeline: Pipeline,
    private readonly options: { cacheFolder: string; provider: Provider; workerFile?: URL; threads?: number },
  ) {
    this.#weights = new LiveWeights(pipeline.unetWeightInputs)
  }

  /**
   * Gives the UNet the weights of a plan that has no reason against feeding.
   * @throws what ensureContributions and LiveWeights.update throw
   */
  async feed(plan: MergePlan, options: FeedOptions = {}): Promise<LiveUpdate> {
    return rebuildingContributions(async () => {
      const contributions = await this.#contributionsOf(plan, options)
      options.onSumming?.()
      const update = await this.#weights.update(plan, contributions, options.signal)
      this.pipeline.setUnetWeights(this.#weights.tensors)
      return update
    })
  }

  /** What the last feeding gave, by the names of the UNet's inputs; the next one changes it in place. */
  get weights(): Readonly<Record<string, Tensor>> {
    return this.#weights.tensors
  }

  /** Lets the models' files be replaced; the next feeding opens them again. */
  closeFiles(): void {
    this.#weights.closeFiles()
  }

  /** Kept in memory from one change of the weights to the next, unless the cache has lost them. */
  async #contributionsOf(
    plan: MergePlan,
    { signal, also, onForecast, onContributions }: FeedOptions,
  ): Promise<Contributions | null> {
    const layers = layerTasksOf(plan)
    const weighed = plan.models.map(
      ({ entry }, model) => also?.has(entry.path) || layers.some(({ weights }) => weights[model] !== 0),
    )
    const strengths = plan.models.map(({ entry }) => entry.strengths)
    const key = JSON.stringify([plan.project.method, plan.project.ema, sourcesOf(plan), strengths, weighed])
    if (this.#contributions?.key !== key || !(await stillThere(this.#contributions.value))) {
      const value = await contributionsOf(plan, {
        ...this.options,
        ...(signal && { signal }),
        ...(also && { also }),
        ...(onForecast && { onForecast }),
        ...(onContributions && { onProgress: onContributions }),
      })
      if (!value) return null
      this.#contributions = { key, value }
    }
    return this.#contributions.value
  }
}

/**
 * Why a merge cannot be fed, as a sentence; null where its UNet is a sum of what the models contribute, and all that it
 * merges.
 */
export function reasonAgainstFeeding({ components, method, project }: MergePlan): string | null {
  if (!components.every(isDenoiser)) return 'More than the UNet is merged.'
  if (method.kind === 'matrix') return `${method.title} merges whole layers anew for every change of the weights.`
  if (method.kind === 'regression' || method.kind === 'sequential')
    return 'A regression is not a linear combination of what the models contribute.'
  if (method.kind === 'fusion' && !project.method.reuse)
    return 'This merge is made from scratch, not from contributions.'
  return null
}
