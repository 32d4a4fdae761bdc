import { csv } from '../contract/csv'
import type { LeaderboardEntry } from '../contract/evaluate/losses'
import { differenceInWords } from '../engine/evaluate/paired-difference'
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

/** The same, all figures whole. */
export function leaderboardAsCsv(board: readonly LeaderboardEntry[]): string {
  const header = [
    'name',
    'role',
    'loss',
    'base-difference',
    'base-error',
    'average-difference',
    'average-error',
    'kept-percent',
    'seconds',
  ]
  const rows = board.map(({ name, role, loss, againstBase, againstSoup, keptPercent, seconds: cost }) => [
    name,
    role,
    loss,
    againstBase?.mean ?? '',
    againstBase?.standardError ?? '',
    againstSoup?.mean ?? '',
    againstSoup?.standardError ?? '',
    keptPercent ?? '',
    cost ?? '',
  ])
  return csv([header, ...rows])
}
