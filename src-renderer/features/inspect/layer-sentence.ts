import type { LayerSummary } from '../../../src-main/contract/inspect'
import type { MethodSettings } from '../../../src-main/contract/project'
import { formatNumber, formatPercent, listOf } from '../../shared/format'

/** Condition number from which a row's coefficients cancel so much that noise is amplified. */
export const NOISY_KAPPA = 10

/** What the method will do to this layer, in one sentence. */
export function layerSentence(
  summary: LayerSummary,
  method: MethodSettings,
  methodTitle: string,
  models: readonly string[],
): string {
  const size = summary.deltaNormRatio.reduce(
    (largest, value, index, all) => (value > all[largest]! ? index : largest),
    0,
  )
  const most = models[size + 1] ?? 'no specialist'
  const changed = `${most} changed it most, by ${formatPercent(summary.deltaNormRatio[size] ?? 0)} of its size`
  if (method.name !== 'featurefusion') return `${methodTitle} treats it entry by entry; ${changed}.`
  const report = summary.normalisers[method.normaliser]
  if (!report) return `FeatureFusion was not computed for this normaliser; ${changed}.`
  const shares = listOf(models.map((name, index) => `${name} ${formatPercent(report.shares[index] ?? 0)}`))
  const mixes = `At equal weights FeatureFusion mixes ${shares} here`
  if (report.minZ <= 0) {
    return `${mixes}, and in some rows the coefficients cancel to nothing or less (Z down to ${formatNumber(report.minZ)}): expect noise, or choose the aligned normaliser.`
  }
  if (report.maxKappa > NOISY_KAPPA) {
    return `${mixes}, but coefficients cancel (condition number up to ${formatNumber(report.maxKappa)}), which amplifies noise.`
  }
  return `${mixes}; nothing cancels, and ${changed}.`
}
