import { figure, withMinus } from './figures'

/** '40 %' with a space that does not break; shares under one per cent keep a decimal so that a small part is not shown as none. */
export function formatPercent(share: number): string {
  const percent = share * 100
  const digits = percent !== 0 && Math.abs(percent) < 1 ? 1 : 0
  return `${withMinus(percent.toFixed(digits))}\u00a0%`
}

/** Three significant digits with a true minus sign: '−0.0412', '1.3 × 10⁻⁵'. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return figure(value)
  const size = Math.abs(value)
  if (size !== 0 && (size < 1e-3 || size >= 1e5)) {
    const [mantissa, exponent] = value.toExponential(1).split('e') as [string, string]
    return `${withMinus(mantissa)} × 10${superscript(Number(exponent))}`
  }
  return size >= 1000 || Number.isInteger(value) ? figure(Math.round(value)) : withMinus(value.toPrecision(3))
}

/** '0.41', '−0.03': correlations and cosines. */
export function formatCosine(value: number): string {
  const text = value.toFixed(2)
  return withMinus(Number(text) === 0 ? '0.00' : text)
}

/** Made once, since toLocaleString makes one for every number; and when it is needed, since the first takes 15 ms. */
let counts: Intl.NumberFormat | undefined

/** '1,700'. */
export function formatCount(count: number): string {
  counts ??= new Intl.NumberFormat('en-US')
  return counts.format(count)
}

/** 'one layer', '3 layers'. */
export function countOf(count: number, singular: string, plural = `${singular}s`): string {
  return count === 1 ? `1 ${singular}` : `${formatCount(count)} ${plural}`
}

/** 'a, b and c'. */
export function listOf(words: readonly string[]): string {
  return words.length < 2 ? (words[0] ?? '') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`
}

/** '3 Nov 2026 14:05', also today: for what is kept. */
export function formatDate(milliseconds: number): string {
  return new Date(milliseconds).toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'short' })
}

/** A long name with its middle left out: both ends tell names apart. */
export function shorten(name: string, length: number): string {
  const half = Math.floor((length - 1) / 2)
  return name.length <= length ? name : `${name.slice(0, half)}…${name.slice(-half)}`
}

/** The last part of a path of any system. */
export function fileName(path: string): string {
  return path.split(/[\\/]/).filter(Boolean).at(-1) ?? path
}

/** The last two parts of a path of any system: parts of models have names that all models share. */
export function shortPath(path: string): string {
  return path.split(/[\\/]/).filter(Boolean).slice(-2).join('/')
}

function superscript(exponent: number): string {
  return [...String(exponent)].map((c) => (c === '-' ? '⁻' : '⁰¹²³⁴⁵⁶⁷⁸⁹'[Number(c)])).join('')
}
