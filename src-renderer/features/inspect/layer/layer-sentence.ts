import type { LayerSummary } from '../../../../src-main/contract/inspect'
import { describedMethod } from '../../../../src-main/contract/methods/index'
import type { MethodSettings } from '../../../../src-main/contract/document/project'
import { countOf, formatNumber, formatPercent, listOf, shorten } from '../../../shared/format'

/** Condition number from which a row's coefficients cancel so much that noise is amplified. */
export const NOISY_KAPPA = 10

/** Names that a sentence has room for, and their length. */
const MOST_NAMES = 4
const LONGEST_NAME = 28

/** The largest shares by name, the rest as one number. */
function sharesInWords(models: readonly string[], shares: readonly number[]): string {
  const parts = models.map((name, index) => ({ name: shorten(name, LONGEST_NAME), share: shares[index] ?? 0 }))
  if (parts.length <= MOST_NAMES) return listOf(parts.map(({ name, share }) => `${name} ${formatPercent(share)}`))
  const sorted = parts.sort((a, b) => b.share - a.share)
  const named = sorted.slice(0, MOST_NAMES - 1).map(({ name, share }) => `${name} ${formatPercent(share)}`)
  const rest = sorted.slice(MOST_NAMES - 1)
  const together = rest.reduce((sum, { share }) => sum + share, 0)
  return listOf([...named, `${countOf(rest.length, 'other')} with ${formatPercent(together)} together`])
}

/** What the method will do to this layer, in one sentence. */
export function layerSentence(summary: LayerSummary, method: MethodSettings, models: readonly string[]): string {
  const size = summary.deltaNormRatio.reduce(
    (largest, value, index, all) => (value > all[largest]! ? index : largest),
    0,
  )
  const most = shorten(models[size + 1] ?? 'no specialist', LONGEST_NAME)
  const changed = `${most} changed it most, by ${formatPercent(summary.deltaNormRatio[size] ?? 0)} of its size`
  const { kind, title } = describedMethod(method.name)
  if (kind === 'regression' || kind === 'sequential') return `${title} fits it to features on real inputs; ${changed}.`
  if (kind === 'matrix') return `${title} merges it as a matrix; ${changed}.`
  if (kind !== 'fusion') return `${title} merges it entry by entry; ${changed}.`
  const report = summary.normalisers[method.normaliser]
  if (!report) return `${title} was not computed for this normaliser; ${changed}.`
  const shares = sharesInWords(models, report.shares)
  const mixes = `At equal weights ${title} mixes ${shares} here`
  if (report.minZ <= 0) {
    return `${mixes}, and in some rows the coefficients cancel completely (Z as low as ${formatNumber(report.minZ)}): expect noise, or choose the aligned normaliser.`
  }
  if (report.maxKappa > NOISY_KAPPA) {
    return `${mixes}, but coefficients cancel (condition number up to ${formatNumber(report.maxKappa)}), which amplifies noise.`
  }
  return `${mixes}; nothing cancels, and ${changed}.`
}
