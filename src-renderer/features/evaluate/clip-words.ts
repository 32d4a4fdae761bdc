import type { ClipReport } from '../../../src-main/contract/evaluate/clip'

type Cell = ClipReport['scores'][number]['mean']

/** '24.31 ± 0.42' */
export function clipText({ value, standardError }: Cell['score']): string {
  return standardError === null ? value.toFixed(2) : `${value.toFixed(2)} ± ${standardError.toFixed(2)}`
}

/** What a cell says, for a tooltip. */
export function clipWords(model: string, domain: string, { score, difference }: Cell): string {
  const against = difference
    ? `; ${difference.value < 0 ? '' : '+'}${clipText(difference).replace('-', '−')} against the base`
    : ''
  return `${model} on ${domain}: ${clipText(score)}${against}`
}
