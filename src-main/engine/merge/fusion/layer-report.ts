import type { Normaliser } from '../../../contract/document/project'
import type { LayerRows } from './layer-rows'
import { normaliserOf, type RowSums } from './normalisers'
import type { RowStatistics } from './statistics'

/** What a merge did to one layer, for people (method.md, 'Normalisation and merge'). */
export interface LayerReport {
  layer: string
  rows: number
  inputs: number
  /** τ that was used; above 1, no correlation reaches it and every row takes the weighted mean. */
  threshold: number
  minZ: number
  /** κ_i = Σ_j |C_ij| / |Z_i|: how much the row's terms cancel; 1: not at all. */
  maxKappa: number
  meanKappa: number
  /** ‖merged‖ / ‖base‖, Frobenius; 1 where the base is 0 throughout. */
  normRatio: number
  /** Part of Σ|C| that lies on rows other than the models' own: chance, where the models are fine-tunes of one base. */
  offOwnShare: number
  /** Mean over live base rows of α_m z_m,i / Z_i; sums to 1. */
  shares: number[]
  /** Base rows without any variance: they take the weighted mean. */
  deadRows: number
  /** Live base rows for which nothing was left: they take the weighted mean. */
  rowsWithoutWeight: number
}

/** Sums per model and row before weights: the z_m and bias parts of method.md, times powers of σ_i. */
export interface ModelSums {
  signed: Float64Array
  absolute: Float64Array
  aligned: Float64Array
  bias: Float64Array
}

/** What `reportOf` is made from. */
export interface MergedLayer {
  layer: Pick<LayerRows, 'name' | 'rows' | 'inputs'>
  statistics: RowStatistics
  weights: readonly number[]
  normaliser: Normaliser
  threshold: number
  parts: readonly ModelSums[]
  z: Float64Array
  kappa: Float64Array
  normRatio: number
  rowsWithoutWeight: number
}

/** The report of a merged layer. */
export function reportOf({
  layer,
  statistics,
  weights,
  normaliser,
  threshold,
  parts,
  z,
  kappa,
  ...others
}: MergedLayer): LayerReport {
  const [baseSigma] = statistics.sigma
  return {
    layer: layer.name,
    rows: layer.rows,
    inputs: layer.inputs,
    threshold,
    minZ: z.reduce((least, value) => Math.min(least, value), Infinity),
    maxKappa: kappa.reduce((most, value) => Math.max(most, value), 0),
    meanKappa: mean(kappa),
    offOwnShare: offOwnShare(parts, statistics, weights, threshold),
    shares: shares(parts, baseSigma!, { normaliser, weights }, z),
    deadRows: baseSigma!.filter((sigma) => sigma === 0).length,
    ...others,
  }
}

/** No sums yet. */
export function emptySums(rows: number): ModelSums {
  const zeros = (): Float64Array => new Float64Array(rows)
  return { signed: zeros(), absolute: zeros(), aligned: zeros(), bias: zeros() }
}

/** One row's sums of one model. */
export function rowSums(part: ModelSums, row: number): RowSums & { bias: number } {
  const { signed, absolute, aligned, bias } = part
  return { signed: signed[row]!, absolute: absolute[row]!, aligned: aligned[row]!, bias: bias[row]! }
}

/** Sums over all models, weighted, of `count` rows from row `first` on. */
export function weightedSums(
  parts: readonly ModelSums[],
  weights: readonly number[],
  first: number,
  count: number,
): ModelSums {
  const sums = emptySums(count)
  for (const key of ['signed', 'absolute', 'aligned', 'bias'] as const) {
    const into = sums[key]
    parts.forEach((part, model) => {
      const [values, weight] = [part[key], weights[model]!]
      for (let row = 0; row < count; row++) into[row]! += weight * values[first + row]!
    })
  }
  return sums
}

/** Σ α_m b_m / Σ α_m of one row: what a row takes that has no correlations. */
export function weightedMean(weights: readonly number[], vectors: readonly Float64Array[], row: number): number {
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  return weights.reduce((sum, weight, model) => sum + weight * vectors[model]![row]!, 0) / total
}

function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** α_m z_m,i / Z_i, averaged over the rows that have correlations. */
function shares(
  parts: readonly ModelSums[],
  sigma: Float64Array,
  { normaliser, weights }: Pick<MergedLayer, 'normaliser' | 'weights'>,
  z: Float64Array,
): number[] {
  const sums = parts.map(() => 0)
  let rows = 0
  for (let row = 0; row < z.length; row++) {
    if (sigma[row] === 0) continue
    const own = parts.map((part, model) => weights[model]! * normaliserOf(normaliser, rowSums(part, row), sigma[row]!))
    if (own.every((value) => value === 0)) continue
    rows++
    own.forEach((value, model) => (sums[model]! += value / z[row]!))
  }
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  return sums.map((sum, model) => (rows > 0 ? sum / rows : weights[model]! / total))
}

/** 1 − Σ |C_i,own| / Σ |C_ij|, over all rows and models that take part. */
function offOwnShare(
  parts: readonly ModelSums[],
  { sigma, own }: RowStatistics,
  weights: readonly number[],
  threshold: number,
): number {
  let ownSum = 0
  let all = 0
  parts.forEach((part, model) => {
    const weight = weights[model]!
    for (let row = 0; row < part.absolute.length; row++) {
      if (sigma[0]![row] === 0) continue
      const correlation = model === 0 ? 1 : own[model - 1]![row]!
      if (Math.abs(correlation) >= threshold) ownSum += weight * correlation ** 2 * sigma[model]![row]!
      all += weight * part.absolute[row]!
    }
  })
  return all > 0 ? Math.max(0, 1 - ownSum / all) : 0
}
