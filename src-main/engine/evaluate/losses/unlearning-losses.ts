import type { Pipeline } from '../../diffusion/pipeline'
import { mean } from '../compare/bootstrap'
import type { EvaluatedModel } from './evaluated-model'
import type { EvaluationSet } from '../data/evaluation-set'
import { chooseSplit, measureLosses, type LossTable, type MeasureOptions } from './loss-table'

/** Mean denoising losses on one domain's held-out pictures. */
export interface DomainLosses {
  domain: string
  pictures: number
  base: number
  /** Of the merge with the model that is dropped, and without it. */
  before: number
  after: number
}

/** What dropping a model did to the losses. */
export interface UnlearningLosses {
  domains: DomainLosses[]
  /** The domain whose loss changed most, relative to what it was. */
  mostChanged: string
}

/**
 * Measures what dropping a model costs, and where.
 * @param pipeline loaded with `liveUnet`
 * @throws FusionError 'validation' (no held-out pictures), 'cancelled', and what denoisingLosses throws
 */
export async function unlearningLosses(
  pipeline: Pipeline,
  set: EvaluationSet,
  models: Readonly<Record<'base' | 'before' | 'after', EvaluatedModel>>,
  options: MeasureOptions = {},
): Promise<UnlearningLosses> {
  const chosen = chooseSplit(set, 'held-out')
  return unlearningLossesOf(
    await measureLosses(pipeline, set, [models.base, models.before, models.after], chosen, options),
  )
}

/** What a table of three says: the base, the merge with the model, and without it. */
export function unlearningLossesOf({ domains: measured, models }: LossTable): UnlearningLosses {
  const domains = measured.map(({ name, pictures }, place) => {
    const [base, before, after] = models.map(({ losses }) => mean(losses[place]!.map((row) => mean(row))))
    return { domain: name, pictures: pictures.length, base: base!, before: before!, after: after! }
  })
  const changeOf = ({ before, after }: DomainLosses): number => Math.abs(after / before - 1)
  const most = domains.reduce((a, b) => (changeOf(b) > changeOf(a) ? b : a))
  return { domains, mostChanged: most.domain }
}
