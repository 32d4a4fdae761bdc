import type { ScoreFigures } from '../../contract/evaluate/csv-tables'
import {
  ALL_DOMAINS,
  cellsOf,
  excludesZero,
  FULL_COLOUR_CHANGE,
  relativeChange,
  type Estimate,
  type LossCell,
  type LossSummary,
  type ModelSummary,
  type UnlearnedGain,
} from '../../contract/evaluate/losses'
import type { Recognition } from '../../contract/evaluate/scores/recognition'
import { picturesOf, type Split } from '../../contract/evaluate/settings'
import type { ColouredTable } from '../../engine/image/table-picture'
import { recognitionInWords } from './recognition-output'
import { scoresAsTables, scoresInWords } from './scores-output'
import { seconds, signed, table } from './output'

/** What `evaluate` measured. */
export interface Evaluation extends LossSummary {
  split: Split
  seed: number
  /** Of merges that differ by one specialist, by their recipes. */
  unlearned: UnlearnedGain[]
  /** What scorers say of drawn pictures, if any were named. */
  scores: ScoreFigures | null
  /** What was recognised of drawn pictures, if that was asked for. */
  recognition: Recognition | null
  provider: string
  seconds: number
}

/** The table for people: the base's losses, what every other model changes, what merges keep. */
export function evaluationInWords(evaluation: Evaluation): string {
  const { models, domains, split, timesteps, scores, recognition, provider } = evaluation
  const [base, ...others] = baseFirst(models)
  const pictures = domains.map(({ name, pictures: count }) => `${name} ${count}`).join(', ')
  const header = ['', ...domains.map(({ name }) => name), ALL_DOMAINS]
  const rows = [
    [`${base!.name} (loss)`, ...cellsOf(base!).map(({ loss }) => loss.value.toFixed(4))],
    ...others.map((model) => [model.name, ...cellsOf(model).map((cell) => changeInWords(cell))]),
  ]
  return [
    `Denoising loss on ${picturesOf(split)} (${pictures}; ${timesteps.length} timesteps each).`,
    `Below the base's loss: the change of it, lower is better; in brackets: not significant (${percent(evaluation.bootstrap.confidence)} intervals).`,
    '',
    table([header, ...rows]),
    '',
    ...keptInWords(others),
    ...(evaluation.unlearned.length > 0 ? [...unlearnedInWords(evaluation.unlearned), ''] : []),
    ...(others.length > 0 ? [verdict(base!, others), ''] : []),
    ...(scores ? [scoresInWords(scores), ''] : []),
    ...(recognition ? [recognitionInWords(recognition), ''] : []),
    `Done in ${seconds(evaluation.seconds)} on ${provider}.`,
  ].join('\n')
}

/** The same as tables of a picture: changes in per cent, blue where they are better, and scores. */
export function evaluationAsTables(evaluation: Evaluation): ColouredTable[] {
  return [lossesAsTable(evaluation), ...(evaluation.scores ? scoresAsTables(evaluation.scores) : [])]
}

function lossesAsTable({ models, domains, split }: Evaluation): ColouredTable {
  return {
    title: `Denoising loss, ${split}: base, and changes in per cent (minus is better)`,
    columns: [...domains.map(({ name }) => name), ALL_DOMAINS],
    rows: baseFirst(models).map((model) => ({
      name: model.name,
      cells: cellsOf(model).map((cell) => {
        if (!cell.difference) return { text: cell.loss.value.toFixed(4), shade: 0 }
        const change = relativeChange(cell)!
        if (!Number.isFinite(change)) return { text: 'no number', shade: 1 }
        const text = signed(change * 100, 1).replace('−', '-')
        return { text: excludesZero(cell.difference) ? text : `(${text})`, shade: change / FULL_COLOUR_CHANGE }
      }),
    })),
  }
}

function keptInWords(others: readonly ModelSummary[]): string[] {
  const specialists = others.filter(({ ownDomain }) => ownDomain !== null)
  const gaining = specialists.filter(({ gains }) => gains)
  const without = specialists.filter(({ gains }) => !gains)
  const lines: string[] = []
  const merges = others.filter(({ role }) => role === 'merge')
  if (gaining.length > 0 && merges.length > 0) {
    const header = [
      '',
      ...gaining.map(({ name, ownDomain }) => (name === ownDomain ? name : `${name} (on ${ownDomain})`)),
    ]
    const rows = merges.map(({ name, kept }) => [name, ...kept.map(({ percent: share }) => keptShare(share))])
    lines.push("How much of each specialist's gain a merge keeps (0 %: the base, 100 %: the specialist):", '')
    lines.push(table([header, ...rows]), '')
  }
  if (without.length > 0) {
    const named = without.map(({ name, ownDomain }) => (name === ownDomain ? name : `${name} (on ${ownDomain})`))
    lines.push(`No significant gain over the base on their own domain, so nothing to keep: ${named.join(', ')}.`)
  }
  return lines
}

export function unlearnedInWords(unlearned: readonly UnlearnedGain[]): string[] {
  const rows = unlearned.map(({ specialist, domain, before, after, difference, kept }) => {
    const change = `${signed((100 * difference.value) / before.value, 1)} %`
    const gain = kept ? `${round(kept.before.value)} % → ${round(kept.after.value)} %` : 'none'
    return [
      specialist === domain ? specialist : `${specialist} (on ${domain})`,
      before.value.toFixed(4),
      after.value.toFixed(4),
      excludesZero(difference) ? change : `(${change})`,
      gain,
    ]
  })
  return [
    "Unlearning, on each specialist's own domain (where it has none, on the domain whose loss increases most): loss with it, loss without it, and how much of its gain the merge keeps.",
    '',
    table([['', 'with', 'without', 'change', 'keeps'], ...rows]),
  ]
}

function keptShare({ value, interval }: Estimate): string {
  const range = interval ? ` [${round(interval.low)} … ${round(interval.high)}]` : ''
  return `${round(value)} %${range}`
}

function verdict(base: ModelSummary, others: readonly ModelSummary[]): string {
  const [best] = others
    .filter(({ mean: { loss } }) => Number.isFinite(loss.value))
    .sort((a, b) => a.mean.loss.value - b.mean.loss.value)
  if (!best) return `Over all domains only ${base.name} has a loss that is a finite number.`
  const change = `${signed(relativeChange(best.mean)! * 100, 1)} %`
  const { value } = best.mean.difference!
  if (excludesZero(best.mean.difference!) && value < 0)
    return `Over all domains ${best.name} is best: ${change} against ${base.name} alone.`
  return `Over all domains no model is significantly better than ${base.name} alone; the best of them is ${best.name} (${change}).`
}

function changeInWords(cell: LossCell): string {
  const change = relativeChange(cell)!
  if (!Number.isFinite(change)) return 'no number'
  const text = `${signed(change * 100, 1)} %`
  return excludesZero(cell.difference!) ? text : `(${text})`
}

function baseFirst(models: readonly ModelSummary[]): ModelSummary[] {
  return [...models.filter(({ role }) => role === 'base'), ...models.filter(({ role }) => role !== 'base')]
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}

function round(value: number): string {
  return String(Math.round(value)).replace('-', '−')
}
