import type { MergeSettings } from '../../../src-main/contract/document/merge-settings'
import { takingPart } from '../../../src-main/contract/document/project'
import type {
  DrawnEntry,
  EvaluationEntry,
  EvaluationPart,
  FileState,
  HistoryEntry,
  HistoryKind,
} from '../../../src-main/contract/history'
import { weighsBase } from '../../../src-main/contract/methods/descriptor'
import { describedMethod } from '../../../src-main/contract/methods/index'
import { methodWords } from '../../../src-main/contract/methods/words'
import { figure } from '../../../src-main/contract/values/figures'
import { variantLabel } from '../../../src-main/contract/values/variant'
import { countOf, fileName, formatBytes, formatDuration, formatTime, listOf } from '../../shared/format'
import type { IconName } from '../../shared/controls/icons'

export const KIND_WORDS: Readonly<Record<HistoryKind, { title: string; icon: IconName }>> = {
  merge: { title: 'Merges', icon: 'export' },
  pictures: { title: 'Pictures', icon: 'preview' },
  grid: { title: 'Grids', icon: 'inspect' },
  evaluation: { title: 'Evaluations', icon: 'evaluate' },
}

const PART_WORDS: Readonly<Record<EvaluationPart, string>> = {
  table: 'Evaluation',
  comparison: 'Methods compared',
  search: 'Weights searched',
  drift: 'Sampling check',
  scores: 'Scores',
}

/** What is wrong with what was written; null: nothing. */
export const FILE_WORDS: Readonly<Record<FileState, string | null>> = {
  there: null,
  changed: 'The file has changed since it was written.',
  gone: 'The file is gone.',
  unknown: 'It lies outside the folders that this program may look into now.',
}

/** An entry in one sentence: 'FeatureFusion of 4, base 0.3, sketch 0.5 → merged.safetensors'. */
export function entrySentence(entry: HistoryEntry): string {
  if (entry.kind === 'merge') return `${mergeSentence(entry.merge)} → ${fileName(entry.path)}`
  return entry.kind === 'evaluation' ? evaluationSentence(entry) : drawnSentence(entry)
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

/** 'FeatureFusion of 4, base 0.3, sketch 0.5'; 'each 1' where all weigh the same. */
export function mergeSentence({ models, method }: MergeSettings): string {
  const taking = takingPart(models)
  const weighed = weighsBase(describedMethod(method.name)) ? taking : taking.slice(1)
  const isEven = weighed.length > 1 && weighed.every(({ weight }) => weight === weighed[0]!.weight)
  const words = isEven
    ? [`each ${figure(weighed[0]!.weight, 4)}`]
    : weighed.map(({ name, weight }) => `${name} ${figure(weight, 4)}`)
  const hasOwn = taking.some(({ blocks, layers }) => Object.keys(blocks).length + layers.length > 0)
  const { title } = describedMethod(method.name)
  const settings = methodWords(method).slice(title.length)
  return [`${title} of ${taking.length}${settings}`, ...words, ...(hasOwn ? ['weights by block'] : [])].join(', ')
}

function drawnSentence({ kind, count, drawn, labels }: DrawnEntry): string {
  if (kind === 'grid') {
    const axes = labels ? [labels.x, labels.y, labels.z].map(axisWords).filter(Boolean) : []
    return [`Grid of ${countOf(count, 'picture')}`, axes.join(' × ')].filter(Boolean).join(': ')
  }
  const [first, ...others] = drawn.prompts
  const prompts = `“${first ?? ''}”${others.length > 0 ? ` and ${countOf(others.length, 'other prompt')}` : ''}`
  return `${countOf(count, 'picture')}: ${prompts}, ${drawn.seeds.length === 1 ? 'seed' : 'seeds'} ${seedWords(drawn.seeds)}`
}

function axisWords(labels: readonly string[]): string {
  const [first, ...others] = labels
  return others.length === 0 ? (first ?? '') : `${first} … ${others.at(-1)}`
}

function seedWords(seeds: DrawnEntry['drawn']['seeds']): string {
  return seeds.length > 4 ? `${seeds.slice(0, 3).join(', ')} …` : seeds.join(', ')
}

function evaluationSentence(entry: EvaluationEntry): string {
  return `${PART_WORDS[entry.part]}: ${entry.verdict || 'it came to its end'}`
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
