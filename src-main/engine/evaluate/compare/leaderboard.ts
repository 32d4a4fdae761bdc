import { mergePoints, paretoFront } from '../../../contract/evaluate/front'
import type { Estimate, LeaderboardEntry, LossSummary, ModelSummary } from '../../../contract/evaluate/losses'
import { PLAIN_AVERAGE } from '../../../contract/methods/soup'
import type { ChosenDomain } from '../data/splits'
import type { EvaluationRun, MeasuredRow } from '../evaluation-run'
import { meanOfEstimates } from '../losses/bootstrap'
import { summariseLosses } from '../losses/loss-summary'
import { differenceInWords, exceedsTwoErrors, pairedLosses } from './paired-difference'

/** Rows by their mean loss, best first. */
export function leaderboardOf(summary: LossSummary, measured: readonly MeasuredRow[]): LeaderboardEntry[] {
  const base = measured.find(({ role }) => role === 'base')!
  const soup = measured.find(({ name, role }) => role === 'merge' && name === PLAIN_AVERAGE)
  const rowOf = ({ name }: ModelSummary): MeasuredRow => measured.find((row) => row.name === name)!
  const ranked = [...summary.models].sort((a, b) => a.mean.loss.value - b.mean.loss.value)
  const bestMerge = ranked.find(({ role }) => role === 'merge')
  const best = bestMerge && rowOf(bestMerge)
  const own = domainsOfBase(summary)
  const board = ranked.map((model): LeaderboardEntry => {
    const row = rowOf(model)
    const kept = model.kept.length === 0 ? null : meanOfEstimates(model.kept.map(({ percent }) => percent))
    return {
      name: model.name,
      role: model.role,
      loss: model.mean.loss.value,
      againstBase: row === base ? null : pairedLosses(row, base),
      againstSoup: !soup || row === soup ? null : pairedLosses(row, soup),
      againstBest: !best || row === best || row.role !== 'merge' ? null : pairedLosses(row, best),
      keptPercent: kept && kept.value,
      keptInterval: kept && kept.interval,
      forgets: row === base || own.length === 0 ? null : forgottenBy(model, own),
      isOnFront: false,
      scale: row.scale,
      seconds: row.seconds,
    }
  })
  const front = new Set(paretoFront(mergePoints(board)).map(({ name }) => name))
  return board.map((entry) => ({ ...entry, isOnFront: entry.role === 'merge' && front.has(entry.name) }))
}

/** Places of the domains that are no specialist's own: what the base knew before. */
export function domainsOfBase({ domains, models }: Pick<LossSummary, 'domains' | 'models'>): number[] {
  const taken = new Set(models.flatMap(({ ownDomain }) => ownDomain ?? []))
  return domains.flatMap(({ name }, place) => (taken.has(name) ? [] : [place]))
}

/** By how much the base's loss rises in its own domains, in per cent; every domain counts the same. */
function forgottenBy({ domains }: ModelSummary, own: readonly number[]): Estimate {
  return meanOfEstimates(
    own.map((place) => {
      const { loss, difference } = domains[place]!
      const percent = 100 / (loss.value - difference!.value)
      const { value, interval } = difference!
      return {
        value: value * percent,
        interval: interval && { low: interval.low * percent, high: interval.high * percent },
      }
    }),
  )
}

/** What a leaderboard says, as sentences: the first says who wins, and how certain that is. */
export function verdictOf(board: readonly LeaderboardEntry[]): string {
  const [best, second] = board.filter(({ role }) => role === 'merge')
  if (!best) return 'No merge is measured yet.'
  const base = board.find(({ role }) => role === 'base')!
  const againstSoup =
    best.name === PLAIN_AVERAGE
      ? 'No other method beats the plain average.'
      : best.againstSoup && second?.name !== PLAIN_AVERAGE
        ? exceedsTwoErrors(best.againstSoup)
          ? `It beats the plain average: ${differenceInWords(best.againstSoup)}.`
          : `That is not significantly better than the plain average: ${differenceInWords(best.againstSoup)}.`
        : ''
  const difference = best.againstBase!
  const againstBase = !exceedsTwoErrors(difference)
    ? `It does not differ significantly from ${base.name} alone: ${differenceInWords(difference)}.`
    : difference.mean < 0
      ? `It is better than ${base.name} alone: ${differenceInWords(difference)}.`
      : `${base.name} alone is better over all domains: ${differenceInWords(difference)}.`
  const top = board[0]!
  const specialist = top.role === 'specialist' ? `The best of all is a specialist, ${top.name}.` : ''
  return [winnerInWords(best, second), tradeInWords(best), againstSoup, againstBase, specialist]
    .filter(Boolean)
    .join(' ')
}

/** Who has the least loss, and whether the choice of pictures explains it. */
function winnerInWords(best: LeaderboardEntry, second: LeaderboardEntry | undefined): string {
  if (!second?.againstBest) return `Of the merges ${best.name} has the least loss on these pictures.`
  const ahead = `the loss of the next, ${second.name}, differs by ${differenceInWords(second.againstBest)}`
  return exceedsTwoErrors(second.againstBest)
    ? `Of the merges ${best.name} wins on your models: ${ahead}.`
    : `Of the merges ${best.name} has the least loss, but does not win with certainty: ${ahead}.`
}

/** What a merge keeps, and what it forgets for that. */
function tradeInWords({ keptPercent, keptInterval, forgets }: LeaderboardEntry): string {
  if (keptPercent === null) return ''
  const kept = `It keeps ${percentInWords({ value: keptPercent, interval: keptInterval })} of the specialists' gains`
  if (!forgets) return `${kept}.`
  return forgets.value > 0
    ? `${kept}; the base's loss in its own domains rises by ${percentInWords(forgets)}.`
    : `${kept}; the base's loss in its own domains does not rise.`
}

function percentInWords({ value, interval }: Estimate): string {
  const round = (percent: number): string => String(Math.round(percent)).replace('-', '−')
  return `${round(value)} %${interval ? ` (${round(interval.low)} to ${round(interval.high)})` : ''}`
}

/**
 * A comparison of rows as far as it is measured; the base, which comes first, must be among them.
 * @param judged the pictures that they are judged by (measureRows)
 */
export function compareRows(
  run: EvaluationRun,
  measured: readonly MeasuredRow[],
  judged: readonly ChosenDomain[] = run.domains,
): { summary: LossSummary; leaderboard: LeaderboardEntry[]; verdict: string } {
  const summary = summariseLosses(run.tableOf(measured, judged))
  const leaderboard = leaderboardOf(summary, measured)
  return { summary, leaderboard, verdict: verdictOf(leaderboard) }
}
