import { figure } from '../../contract/values/figures'
import { SCALE } from '../../contract/methods/parameters'
import { partsOfAverage } from '../../contract/methods/shares'
import { thresholdOf, type MethodSettings } from '../../contract/document/project'
import type { LayerReport } from './fusion/layer-report'
import type { MergePlan } from './plan/merge-plan'
import type { MergeResult } from './run'
import type { MatrixReport } from './run-layer'
import { AVERAGED } from './fusion/threshold'

/** Mean κ from which a layer's terms mostly cancel. */
const NOISY_KAPPA = 2
/** How much longer or shorter than the base a merged layer may be. */
const GROWN = 1.5
/** Part of the coefficients on foreign rows from which a warning is due. */
const CHANCE_SHARE = 0.1

/**
 * Plain warnings where the condition numbers say that a merge is noise (method.md, 'Normalisation and merge'): layers
 * whose terms cancel or whose length changed, and coefficients that chance correlations make up.
 */
export function noiseWarnings(layers: readonly LayerReport[], settings: MethodSettings): string[] {
  const warnings: string[] = []
  const isAuto = thresholdOf(settings) === 'auto'
  const cancelling = layers.filter(
    ({ meanKappa, normRatio }) => meanKappa > NOISY_KAPPA || normRatio > GROWN || normRatio < 1 / GROWN,
  )
  if (cancelling.length > 0) {
    const worst = cancelling.reduce((a, b) => (b.maxKappa > a.maxKappa ? b : a))
    const longest = cancelling.reduce((a, b) => (b.normRatio > a.normRatio ? b : a))
    warnings.push(
      `In ${cancelling.length} of ${layers.length} layers the terms cancel: condition numbers reach ` +
        `${figure(worst.maxKappa, 3)} (${worst.layer}), and merged weights are up to ` +
        `${figure(longest.normRatio, 3)} times as large as the base's (${longest.layer}). Such layers are noise.` +
        advice(settings.normaliser !== 'aligned' && "the normaliser 'aligned'", !isAuto && "the threshold 'auto'"),
    )
  }
  const chance = layers.filter(
    ({ threshold, inputs, rows, shares, offOwnShare }) =>
      threshold < Math.sqrt((2 * Math.log(shares.length * rows)) / inputs) && offOwnShare > CHANCE_SHARE,
  )
  if (chance.length > 0) {
    const mean = chance.reduce((sum, { offOwnShare }) => sum + offOwnShare, 0) / chance.length
    warnings.push(
      `In ${chance.length} of ${layers.length} layers ${Math.round(mean * 100)} % of the coefficients lie on rows that ` +
        `correlate no more than random rows do. They add noise and usually destroy the network.` +
        advice(!isAuto && "the threshold 'auto'"),
    )
  }
  const averaged = layers.filter(({ threshold }) => threshold === AVERAGED)
  if (averaged.length > 0) {
    warnings.push(
      `${averaged.length} of ${layers.length} layers are averaged: their rows are too short to tell a correlation from ` +
        `chance (${averaged[0]!.layer}${averaged.length > 1 ? ' and others' : ''}).`,
    )
  }
  return warnings
}

/** Says where changes have fewer directions than a matrix method takes, as those that adapters make have. */
function rankWarnings(reports: readonly MatrixReport[], title: string): string[] {
  const short = reports.filter(({ taken, wanted }) => taken < wanted)
  if (short.length === 0) return []
  const least = short.reduce((a, b) => (b.taken / b.wanted < a.taken / a.wanted ? b : a))
  return [
    `In ${short.length} of ${reports.length} layers the changes have fewer directions than ${title} takes, the fewest in ` +
      `${least.layer}: ${least.taken} of ${least.wanted}. It took those that there are, and none of what rounding makes.`,
  ]
}

/** What people should know of a merge that is done. */
export function warningsOf(
  { layers, matrices }: Pick<MergeResult, 'layers' | 'matrices'>,
  { method, project }: Pick<MergePlan, 'method' | 'project'>,
): string[] {
  return [...noiseWarnings(layers, project.method), ...rankWarnings(matrices, method.title)]
}

/** What to use instead, as far as it is not in use. */
function advice(...changes: (string | false)[]): string {
  const wanted = changes.filter((change) => change !== false)
  return wanted.length > 0 ? ` Use ${wanted.join(' and ')}.` : ''
}

/** A model's part in a merge. */
export interface Share {
  name: string
  /** Fraction of the result, or the factor on what a specialist learnt; null where every tensor differs. */
  value: number | null
}

/**
 * What every model really contributes, base first: fractions that sum to 1 for methods that average, factors on the
 * specialists' differences for those that add.
 */
export function sharesOf(plan: MergePlan, layers: readonly LayerReport[]): { adds: boolean; shares: Share[] } {
  const { method, models, project } = plan
  const names = models.map(({ entry }) => entry.name)
  const named = (values: readonly (number | null)[]): Share[] =>
    names.map((name, index) => ({ name, value: values[index] ?? null }))
  const weights = models.map(({ entry }) => (entry.enabled ? entry.weight : 0))
  if (method.kind === 'fusion') {
    const parameters = layers.map(({ rows, inputs }) => rows * inputs)
    const total = parameters.reduce((sum, count) => sum + count, 0)
    const values = names.map((_, model) =>
      layers.reduce((sum, { shares }, layer) => sum + (shares[model]! * parameters[layer]!) / total, 0),
    )
    return { adds: false, shares: named(values) }
  }
  if (method.kind === 'linear') {
    const { coefficients, divisor } = method.combine(weights, project.method)
    return {
      adds: method.result.kind === 'changes',
      shares: named(coefficients.map((value) => value / divisor)),
    }
  }
  if (method.result.kind === 'average') {
    const parts = partsOfAverage(method.result, weights)
    const total = parts.reduce((sum, part) => sum + part, 0)
    return { adds: false, shares: named(parts.map((part) => part / total)) }
  }
  const scale = method.parameters.some(({ key }) => key === SCALE.key) ? project.method.scale : 1
  return { adds: true, shares: named(weights.map((weight, index) => (index === 0 ? null : weight * scale))) }
}

/** Shares in words: 'base 40 %, style 60 %'. */
export function sharesInWords({ adds, shares }: ReturnType<typeof sharesOf>): string {
  return shares
    .filter(({ value }) => value !== null)
    .map(({ name, value }) => (adds ? `${name} × ${figure(value!, 3)}` : `${name} ${figure(value! * 100, 3)} %`))
    .join(', ')
}
