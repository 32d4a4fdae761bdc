import type { LeaderboardEntry } from '../../contract/evaluate/losses'
import { differenceInWords } from '../../engine/evaluate/compare/paired-difference'
import { seconds, table } from './output'

/** The leaderboard for people: losses, differences in per cent with their errors, cost. */
export function leaderboardInWords(board: readonly LeaderboardEntry[]): string {
  const relative = (difference: LeaderboardEntry['againstBase']): string =>
    difference ? differenceInWords(difference) : ''
  return table([
    ['', 'loss', 'against the base', 'against the average', 'keeps of gains', 'made in'],
    ...board.map(({ name, role, loss, againstBase, againstSoup, keptPercent, seconds: cost }) => [
      role === 'merge' || role === name ? name : `${name} (${role})`,
      loss.toFixed(4),
      relative(againstBase),
      relative(againstSoup),
      keptPercent === null ? '' : `${Math.round(keptPercent)} %`.replace('-', '−'),
      cost === null ? '' : seconds(cost),
    ]),
  ])
}
