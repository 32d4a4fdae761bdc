import { mergeSentence, PART_WORDS } from '../../../src-main/contract/history-words'
import type { FileState, HistoryEntry, HistoryKind } from '../../../src-main/contract/history'
import { variantLabel } from '../../../src-main/contract/values/variant'
import { fileName, formatBytes, formatDuration, formatTime, listOf } from '../../shared/format'
import type { IconName } from '../../shared/controls/icons'

export const KIND_WORDS: Readonly<Record<HistoryKind, { title: string; icon: IconName }>> = {
  merge: { title: 'Merges', icon: 'export' },
  pictures: { title: 'Pictures', icon: 'preview' },
  grid: { title: 'Grids', icon: 'inspect' },
  evaluation: { title: 'Evaluations', icon: 'evaluate' },
}

/** What is wrong with what was written; null: nothing. */
export const FILE_WORDS: Readonly<Record<FileState, string | null>> = {
  there: null,
  changed: 'The file has changed since it was written.',
  gone: 'The file is gone.',
  unknown: 'It lies outside the folders that this program may look into now.',
}

/** What else there is to know at a glance. */
export function entryFacts(entry: HistoryEntry): string {
  if (entry.kind === 'merge')
    return `${formatBytes(entry.bytes)} in ${formatDuration(entry.seconds * 1000)} · ${entry.path}`
  if (entry.kind === 'evaluation') return mergeSentence(entry.merge)
  const drawnBy = entry.kind === 'grid' ? '' : `${listOf((entry.drawn.variants ?? []).map(variantLabel))} · `
  return `${drawnBy}${entry.merge ? mergeSentence(entry.merge) : 'unmerged models'}`
}

/** A short name of an entry, for undo and for what reads it aloud. */
export function entryName(entry: HistoryEntry): string {
  if (entry.kind === 'merge') return fileName(entry.path)
  const what = entry.kind === 'evaluation' ? PART_WORDS[entry.part] : { grid: 'grid', pictures: 'pictures' }[entry.kind]
  return `${what.toLowerCase()} of ${formatTime(entry.time)}`
}

/** 'Today', 'Yesterday', '3 November 2026'. */
export function dayOf(time: number, now = Date.now()): string {
  const date = new Date(time)
  const yesterday = new Date(now)
  yesterday.setDate(yesterday.getDate() - 1)
  if (date.toDateString() === new Date(now).toDateString()) return 'Today'
  if (date.toDateString() === yesterday.toDateString()) return 'Yesterday'
  return date.toLocaleDateString('en-GB', { day: 'numeric', month: 'long', year: 'numeric' })
}

/** Entries by day, in their order. */
export function byDay(entries: readonly HistoryEntry[], now = Date.now()): { day: string; entries: HistoryEntry[] }[] {
  const days: { day: string; entries: HistoryEntry[] }[] = []
  for (const entry of entries) {
    const day = dayOf(entry.time, now)
    if (days.at(-1)?.day === day) days.at(-1)!.entries.push(entry)
    else days.push({ day, entries: [entry] })
  }
  return days
}
