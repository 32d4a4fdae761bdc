import { figure, withMinus } from '../../src-main/contract/values/figures'

const UNITS = ['bytes', 'KB', 'MB', 'GB', 'TB'] as const

/** '6.8 MB': decimal units, as file managers show them. */
export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000
    unit++
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1
  return `${value.toFixed(digits)} ${UNITS[unit]}`
}

/** 'less than a second', '42 s', '3 min 20 s', '2 h 5 min'. */
export function formatDuration(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000)
  if (seconds < 1) return 'less than a second'
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return seconds % 60 === 0 ? `${minutes} min` : `${minutes} min ${seconds % 60} s`
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

/** 'about 42 s', 'less than a second'. */
export function formatEstimate(milliseconds: number): string {
  const text = formatDuration(milliseconds)
  return milliseconds < 500 ? text : `about ${text}`
}

/** '0.42 s', '3.4 s', from ten seconds on as formatDuration: for short waits. */
export function formatSeconds(seconds: number): string {
  return seconds < 9.95 ? `${seconds.toFixed(seconds < 0.995 ? 2 : 1)} s` : formatDuration(seconds * 1000)
}

/** '40 %' with a space that does not break; shares under one per cent keep a decimal so that a small part is not shown as none. */
export function formatPercent(share: number): string {
  const percent = share * 100
  const digits = percent !== 0 && Math.abs(percent) < 1 ? 1 : 0
  return `${withMinus(percent.toFixed(digits))}\u00a0%`
}

/** '+0.9 %', '−2.1 %': how much more or less. */
export function formatChange(relative: number): string {
  const percent = (relative * 100).toFixed(1)
  return `${relative > 0 ? '+' : ''}${withMinus(percent)}\u00a0%`
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

/** '1,700'. */
export function formatCount(count: number): string {
  return count.toLocaleString('en-US')
}

/** 'one layer', '3 layers'. */
export function countOf(count: number, singular: string, plural = `${singular}s`): string {
  return count === 1 ? `1 ${singular}` : `${formatCount(count)} ${plural}`
}

/** 'a, b and c'. */
export function listOf(words: readonly string[]): string {
  return words.length < 2 ? (words[0] ?? '') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`
}

/** 'today 14:05', '3 Nov 2026 14:05'. */
export function formatTime(milliseconds: number): string {
  const date = new Date(milliseconds)
  const time = date.toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' })
  if (date.toDateString() === new Date().toDateString()) return `today ${time}`
  return `${date.toLocaleDateString('en-GB', { day: 'numeric', month: 'short', year: 'numeric' })} ${time}`
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

/** The last two parts of a path of any system: parts of models have names that all models share. */
export function shortPath(path: string): string {
  return path.split(/[\\/]/).filter(Boolean).slice(-2).join('/')
}

/** The last part of a path of any system. */
export function fileName(path: string): string {
  return path.split(/[\\/]/).filter(Boolean).at(-1) ?? path
}

/** The folder that a path of any system lies in, with its separator: of a drive or root, that itself. */
export function folderOf(path: string): string {
  return path.replace(/[^\\/]+[\\/]*$/, '')
}

function superscript(exponent: number): string {
  return [...String(exponent)].map((c) => (c === '-' ? '⁻' : '⁰¹²³⁴⁵⁶⁷⁸⁹'[Number(c)])).join('')
}
