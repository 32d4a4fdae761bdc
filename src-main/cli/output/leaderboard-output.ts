import type { LeaderboardEntry } from '../../contract/evaluate/losses'
import { differenceInWords } from '../../engine/evaluate/compare/paired-difference'
import { seconds, signed, table } from './output'

/** The leaderboard for people: losses, differences in per cent with their errors, what is kept and forgotten, cost. */
export function leaderboardInWords(board: readonly LeaderboardEntry[]): string {
  const relative = (difference: LeaderboardEntry['againstBase']): string =>
    difference ? differenceInWords(difference) : ''
  return [
    table([
      ['', 'loss', 'against the base', 'against the average', 'keeps of gains', 'base forgets', 'scale', 'made in'],
      ...board.map(({ name, role, loss, againstBase, againstSoup, keptPercent, forgets, isOnFront, scale, ...row }) => [
        `${role === 'merge' || role === name ? name : `${name} (${role})`}${isOnFront ? ' *' : ''}`,
        loss.toFixed(4),
        relative(againstBase),
        relative(againstSoup),
        keptPercent === null ? '' : `${Math.round(keptPercent)} %`.replace('-', '−'),
        forgets === null ? '' : `${signed(forgets.value, 0)} %`,
        scale === null ? '' : String(scale),
        row.seconds === null ? '' : seconds(row.seconds),
      ]),
    ]),
    ...(board.some(({ isOnFront }) => isOnFront)
      ? ['', '*: no other merge keeps more of the gains and forgets less of what the base knew.']
      : []),
  ].join('\n')
}
