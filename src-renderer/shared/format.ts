import { withMinus } from '../../src-main/contract/values/figures'

export * from '../../src-main/contract/values/format'

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

/** '+0.9 %', '−2.1 %': how much more or less. */
export function formatChange(relative: number): string {
  const percent = (relative * 100).toFixed(1)
  return `${relative > 0 ? '+' : ''}${withMinus(percent)}\u00a0%`
}

/** '14:05' */
export function formatClock(milliseconds: number): string {
  return new Date(milliseconds).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' })
}

/** 'today 14:05', '3 Nov 2026 14:05'. */
export function formatTime(milliseconds: number): string {
  const date = new Date(milliseconds)
  const time = formatClock(milliseconds)
  if (date.toDateString() === new Date().toDateString()) return `today ${time}`
  return `${date.toLocaleDateString('en-GB', { day: 'numeric', month: 'short', year: 'numeric' })} ${time}`
}

/** The folder that a path of any system lies in, with its separator: of a drive or root, that itself. */
export function folderOf(path: string): string {
  return path.replace(/[^\\/]+[\\/]*$/, '')
}
