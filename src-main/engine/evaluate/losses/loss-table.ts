import type { ModelRole } from '../../../contract/evaluate/losses'
import type { Pipeline } from '../../diffusion/pipeline'
import { throwIfCancelled } from '../../cancel'
import { denoisingLosses, unitLosses, type LossUnit } from './denoising-loss'
import { encodeTexts, type DomainTexts } from '../data/domain-texts'
import type { EvaluatedModel } from './evaluated-model'
import type { EvaluationDomain, EvaluationSet } from '../data/evaluation-set'
import { countPictures, type ChosenDomain } from '../data/splits'
import { groupBy } from '../../../contract/values/group-by'

/** Losses of one model. */
export interface ModelLosses {
  name: string
  role: ModelRole
  /** By domain, picture and timestep. */
  losses: readonly (readonly ArrayLike<number>[])[]
}

/** Denoising losses of models, measured on the same pictures, noise and timesteps. */
export interface LossTable {
  timesteps: readonly number[]
  domains: readonly ChosenDomain[]
  models: readonly ModelLosses[]
}

export interface MeasureOptions {
  signal?: AbortSignal
  /** Called after every batch: the model, and the fraction done of all models. */
  onProgress?: (model: string, fraction: number) => void
  /** Called with every model that is done, so that an end before the last one keeps what was measured. */
  onModel?: (losses: ModelLosses) => void
  /** Waited for after every domain of a model, with its place among those that are measured. */
  onDomain?: (index: number, losses: readonly Float64Array[]) => Promise<void>
}

/** A model in the network. */
export interface OpenedLosses {
  losses(units: readonly LossUnit[]): Promise<Float64Array>
  release(): Promise<void>
}

/** Measures models one after the other on one pipeline; texts are encoded once for all that share its text encoders. */
export class LossMeter {
  readonly #texts = new Map<EvaluationDomain, DomainTexts>()

  /** @param pipeline loaded with `liveUnet`; its VAE made the latents */
  constructor(
    private readonly pipeline: Pipeline,
    private readonly set: EvaluationSet,
  ) {}

  /** @throws FusionError 'cancelled' between batches, and what denoisingLosses throws */
  async measure(
    model: EvaluatedModel,
    domains: readonly ChosenDomain[],
    { signal, onProgress, onDomain }: Pick<MeasureOptions, 'signal' | 'onProgress' | 'onDomain'> = {},
  ): Promise<ModelLosses> {
    const all = countPictures(domains)
    let before = 0
    const prepared = await model.prepare(this.pipeline)
    try {
      const losses: Float64Array[][] = []
      for (const [index, chosen] of domains.entries()) {
        throwIfCancelled(signal)
        const domain = this.set.domains.find(({ name }) => name === chosen.name)!
        const pictures = chosen.pictures.map(({ index }) => index)
        const own = await denoisingLosses(prepared, this.set, domain, {
          pictures,
          texts: await this.#textsOf(prepared, domain, pictures, signal),
          ...(signal && { signal }),
          ...(onProgress && {
            onProgress: (done, total) => onProgress(model.name, (before + (pictures.length * done) / total) / all),
          }),
        })
        losses.push(own)
        await onDomain?.(index, own)
        before += pictures.length
      }
      return { name: model.name, role: model.role, losses }
    } finally {
      if (prepared !== this.pipeline) await prepared.release()
    }
  }

  /**
   * Makes the network a model, which is measured unit by unit until it is released; one at a time.
   * @throws what preparing the model throws; `losses`: as unitLosses
   */
  async open(model: EvaluatedModel, signal?: AbortSignal): Promise<OpenedLosses> {
    const prepared = await model.prepare(this.pipeline)
    return {
      losses: async (units) => {
        const texts = new Map<EvaluationDomain, DomainTexts>()
        for (const [domain, own] of groupBy(units, (unit) => unit.domain)) {
          const pictures = [...new Set(own.map(({ picture }) => picture))]
          texts.set(domain, await this.#textsOf(prepared, domain, pictures, signal))
        }
        const textOf = ({ domain, picture }: LossUnit) => texts.get(domain)!.get(picture)!
        return unitLosses(prepared, this.set, units, textOf, signal ? { signal } : {})
      },
      release: async () => {
        if (prepared !== this.pipeline) await prepared.release()
      },
    }
  }

  async #textsOf(
    pipeline: Pipeline,
    domain: EvaluationDomain,
    pictures: readonly number[],
    signal: AbortSignal | undefined,
  ): Promise<DomainTexts> {
    if (pipeline !== this.pipeline) return encodeTexts(pipeline, domain, pictures, signal)
    const known = this.#texts.get(domain)
    const missing = pictures.filter((picture) => !known?.has(picture))
    if (known && missing.length === 0) return known
    const texts = new Map([...(known ?? []), ...(await encodeTexts(pipeline, domain, missing, signal))])
    this.#texts.set(domain, texts)
    return texts
  }
}

/** Losses of every model on the same pictures. @param pipeline loaded with `liveUnet` */
export async function measureLosses(
  pipeline: Pipeline,
  set: EvaluationSet,
  models: readonly EvaluatedModel[],
  domains: readonly ChosenDomain[],
  { signal, onProgress, onModel }: MeasureOptions = {},
): Promise<LossTable> {
  const meter = new LossMeter(pipeline, set)
  const measured: ModelLosses[] = []
  for (const [index, model] of models.entries()) {
    throwIfCancelled(signal)
    const losses = await meter.measure(model, domains, {
      ...(signal && { signal }),
      ...(onProgress && { onProgress: (name, fraction) => onProgress(name, (index + fraction) / models.length) }),
    })
    measured.push(losses)
    onModel?.(losses)
  }
  return { timesteps: set.timesteps, domains, models: measured }
}
