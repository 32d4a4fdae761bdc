import { excludesZero, relativeChange, type LossCell, type UnlearnedGain } from './losses'

/** '−1.2 %', with a space that does not break. */
export function signedPercent(share: number, digits = 1): string {
  const text = (Math.abs(share) * 100).toFixed(digits)
  return `${share < 0 && Number(text) !== 0 ? '−' : '+'}${text}\u00a0%`
}

/** The text of a cell for a tooltip and for screen readers. */
export function cellWords(model: string, domain: string, cell: LossCell): string {
  const { interval, value } = cell.loss
  const range = interval ? `, between ${interval.low.toFixed(4)} and ${interval.high.toFixed(4)}` : ''
  const change = relativeChange(cell)
  const against =
    change === null
      ? ''
      : `; ${signedPercent(change)} against the base${excludesZero(cell.difference!) ? '' : ', not significant'}`
  return `${model} on ${domain}: loss ${value.toFixed(4)}${range}${against}`
}

/** What dropping a specialist did on its own domain, in a sentence. */
export function unlearnedInWords({ domain, before, difference }: UnlearnedGain): string {
  const relative = (value: number): string => signedPercent(value / before.value)
  const { interval, value } = difference
  const range = interval ? ` (95\u00a0% interval: ${relative(interval.low)} … ${relative(interval.high)})` : ''
  const verdict = excludesZero(difference) ? '' : ', not significant'
  return `Loss on ${domain} without it: ${relative(value)}${range}${verdict}.`
}
