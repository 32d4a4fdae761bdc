import type { MergeSettings } from './document/merge-settings'
import { takingPart } from './document/project'
import type { DrawnEntry, EvaluationEntry, EvaluationPart, HistoryEntry } from './history'
import { weighsBase } from './methods/descriptor'
import { describedMethod } from './methods/index'
import { methodWords } from './methods/words'
import { figure } from './values/figures'
import { countOf, fileName } from './values/format'

export const PART_WORDS: Readonly<Record<EvaluationPart, string>> = {
  table: 'Evaluation',
  comparison: 'Methods compared',
  search: 'Weights searched',
  drift: 'Sampling check',
  scores: 'Scores',
  methodScores: 'Scores of methods',
}

/** An entry in one sentence: 'FeatureFusion of 4, base 0.3, sketch 0.5 → merged.safetensors'. */
export function entrySentence(entry: HistoryEntry): string {
  if (entry.kind === 'merge') return `${mergeSentence(entry.merge)} → ${fileName(entry.path)}`
  return entry.kind === 'evaluation' ? evaluationSentence(entry) : drawnSentence(entry)
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
