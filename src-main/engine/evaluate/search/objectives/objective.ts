import type { PairedLosses } from '../../../../contract/evaluate/losses'
import { groupBy } from '../../../../contract/values/group-by'
import { pairedLosses } from '../../compare/paired-difference'
import { mean } from '../../losses/bootstrap'
import type { EvaluatedModel } from '../../losses/evaluated-model'

/** Units that are alike, of which a part may be measured: of one domain, for one aim. */
export interface Stratum {
  /** What is measured. */
  aim: string
  domain: string
  /** Of its mean in the value of the whole. */
  weight: number
  /** For each unit, what of its domain it belongs to (a picture, a prompt), by number. */
  clusters: readonly number[]
}

/** Where a unit lies: one value is measured for it. */
export interface Unit {
  stratum: number
  place: number
}

/** One value for each unit by stratum; less is better. */
export type UnitValues = readonly ArrayLike<number>[]

/** What a search makes as small as possible: the weighted sum of the strata's means. */
export interface Objective {
  readonly strata: readonly Stratum[]
  /**
   * Makes the network a model, to be measured until it is released; one at a time.
   * @throws FusionError 'cancelled', and what preparing the model throws
   */
  open(model: EvaluatedModel): Promise<OpenedModel>
}

/** A model that is measured unit by unit. */
export interface OpenedModel {
  /** @throws FusionError 'cancelled' between batches, and what networks throw */
  values(units: readonly Unit[]): Promise<ArrayLike<number>>
  release(): Promise<void>
}

/** All units of an objective, stratum by stratum. */
export function unitsOf(strata: readonly Pick<Stratum, 'clusters'>[]): Unit[] {
  return strata.flatMap(({ clusters }, stratum) => clusters.map((_, place) => ({ stratum, place })))
}

/** The value of the whole. */
export function valueOf(strata: readonly Pick<Stratum, 'weight'>[], values: UnitValues): number {
  return strata.reduce((sum, { weight }, index) => sum + weight * mean(values[index]!), 0)
}

/**
 * How two models differ, picture by picture (prompt by prompt): a − b. Every domain of an aim counts the same. Errors of
 * several aims are added as they are: the same pictures may move all of them one way.
 */
export function pairedValues(strata: readonly Stratum[], a: UnitValues, b: UnitValues): PairedLosses {
  let difference = 0
  let standardError = 0
  for (const own of groupBy(strata.keys(), (stratum) => strata[stratum]!.aim).values()) {
    const weight = own.reduce((sum, stratum) => sum + strata[stratum]!.weight, 0)
    const paired = pairedLosses({ losses: rowsOf(strata, own, a) }, { losses: rowsOf(strata, own, b) })
    difference += weight * paired.mean
    standardError += weight * paired.standardError
  }
  return { mean: difference, standardError, relative: difference / Math.abs(valueOf(strata, b)) }
}

/** Values of some strata by domain and picture. */
function rowsOf(strata: readonly Stratum[], places: readonly number[], values: UnitValues): number[][][] {
  return [...groupBy(places, (stratum) => strata[stratum]!.domain).values()].map((own) => {
    const units = own.flatMap((stratum) =>
      strata[stratum]!.clusters.map((cluster, place) => ({ cluster, value: values[stratum]![place]! })),
    )
    return [...groupBy(units, ({ cluster }) => cluster).values()].map((row) => row.map(({ value }) => value))
  })
}

/** Measures a model on every unit. @throws what opening and measuring throw */
export async function measureAll(objective: Objective, model: EvaluatedModel): Promise<Float64Array[]> {
  const { strata } = objective
  const opened = await objective.open(model)
  try {
    const values = await opened.values(unitsOf(strata))
    let before = 0
    return strata.map(({ clusters }) => Float64Array.from(clusters, () => values[before++]!))
  } finally {
    await opened.release()
  }
}
