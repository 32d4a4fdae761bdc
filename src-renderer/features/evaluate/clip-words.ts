import type { ClipEstimate, ClipSummary } from '../../../src-main/contract/evaluate/clip'

/** '24.31 ± 0.42' */
export function clipText({ value, standardError }: ClipEstimate): string {
  return standardError === null ? value.toFixed(2) : `${value.toFixed(2)} ± ${standardError.toFixed(2)}`
}

/** What a cell says, for a tooltip. */
export function clipWords(model: string, domain: string, { score, difference }: ClipSummary['mean']): string {
  const against = difference
    ? `; ${difference.value < 0 ? '' : '+'}${clipText(difference).replace('-', '−')} against the base`
    : ''
  return `${model} on ${domain}: ${clipText(score)}${against}`
}
