import { csv } from '../../../src-main/contract/csv'
import { withErrors, type ClipReport } from '../../../src-main/contract/evaluate/clip'
import {
  excludesZero,
  type Estimate,
  type LossCell,
  type LossSummary,
  type ModelSummary,
  type UnlearnedGain,
} from '../../../src-main/contract/evaluate/losses'

/** The mean over domains, where tables and charts name a domain. */
export const ALL_DOMAINS = 'mean'

/** A difference to the base as a part of the base's loss; null for the base itself. */
export function relativeChange({ loss, difference }: LossCell): number | null {
  return difference && difference.value / (loss.value - difference.value)
}

/** '−1.2 %', with a space that does not break. */
export function signedPercent(share: number, digits = 1): string {
  const text = (Math.abs(share) * 100).toFixed(digits)
  return `${share < 0 && Number(text) !== 0 ? '−' : '+'}${text}\u00a0%`
}

/** Losses in the order of the domains, their mean last. */
export function cellsOf({ domains, mean }: ModelSummary): LossCell[] {
  return [...domains, mean]
}

/** What a cell says, for a tooltip and for those who listen. */
export function cellWords(model: string, domain: string, cell: LossCell): string {
  const { interval, value } = cell.loss
  const range = interval ? `, between ${interval.low.toFixed(4)} and ${interval.high.toFixed(4)}` : ''
  const change = relativeChange(cell)
  const against =
    change === null
      ? ''
      : `; ${signedPercent(change)} against the base${excludesZero(cell.difference!) ? '' : ', which other pictures could turn around'}`
  return `${model} on ${domain}: loss ${value.toFixed(4)}${range}${against}`
}

/** Every figure of a table, one a line. */
export function resultsAsCsv(
  { models, domains, timesteps }: LossSummary,
  unlearned: readonly UnlearnedGain[],
  clip: ClipReport | null,
): string {
  const names = [...domains.map(({ name }) => name), ALL_DOMAINS]
  const lines: (string | number)[][] = [['measure', 'model', 'role', 'domain', 'detail', 'value', 'low', 'high']]
  const add = (
    measure: string,
    { name, role }: Pick<ModelSummary, 'name' | 'role'>,
    domain: string,
    detail: string | number,
    { value, interval }: Estimate,
  ): void => {
    lines.push([measure, name, role, domain, detail, value, interval?.low ?? '', interval?.high ?? ''])
  }
  for (const model of models) {
    cellsOf(model).forEach(({ loss, difference }, index) => {
      add('loss', model, names[index]!, '', loss)
      if (difference) add('difference', model, names[index]!, '', difference)
    })
    for (const { specialist, domain, percent } of model.kept) add('kept-percent', model, domain, specialist, percent)
    model.curves.forEach((curve, index) =>
      curve.forEach((value, step) =>
        add('loss-at-timestep', model, names[index]!, timesteps[step]!, { value, interval: null }),
      ),
    )
  }
  for (const { specialist: name, domain, before, after, difference, kept } of unlearned) {
    const own = { name, role: 'specialist' } as const
    add('unlearned-before', own, domain, '', before)
    add('unlearned-after', own, domain, '', after)
    add('unlearned-difference', own, domain, '', difference)
    if (!kept) continue
    add('unlearned-kept-before', own, domain, '', kept.before)
    add('unlearned-kept-after', own, domain, '', kept.after)
  }
  const drawn = [...(clip?.domains ?? []).map(({ name }) => name), ALL_DOMAINS]
  for (const model of clip?.scores ?? []) {
    const cells = [...model.domains, model.mean]
    cells.forEach(({ score, difference }, index) => {
      add('clip-score', model, drawn[index]!, '', withErrors(score))
      if (difference) add('clip-difference', model, drawn[index]!, '', withErrors(difference))
    })
  }
  return csv(lines)
}
