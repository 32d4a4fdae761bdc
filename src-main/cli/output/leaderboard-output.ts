import type { LeaderboardEntry } from '../../contract/evaluate/losses'
import { SCORER_DESCRIPTIONS } from '../../contract/evaluate/scores/scorers'
import { meanScore, scoreText, type ScoreSummary } from '../../contract/evaluate/scores/scores'
import { differenceInWords } from '../../engine/evaluate/compare/paired-difference'
import type { ColouredTable } from '../../engine/image/table-picture'
import { seconds, signed, table } from './output'

const COLUMNS = [
  'loss',
  'against the base',
  'against the average',
  'keeps of gains',
  'base forgets',
  'scale',
  'made in',
]

/**
 * The leaderboard for people: losses, differences in per cent with their errors, what is kept and forgotten, cost, and
 * mean scores.
 */
export function leaderboardInWords(board: readonly LeaderboardEntry[], scores: readonly ScoreSummary[] = []): string {
  return [
    table([
      ['', ...COLUMNS, ...scores.map(({ scorer }) => SCORER_DESCRIPTIONS[scorer].label)],
      ...board.map((entry) => [entryName(entry), ...cellsOfEntry(entry), ...scoreCells(entry, scores)]),
    ]),
    ...(board.some(({ isOnFront }) => isOnFront)
      ? ['', '*: no other merge keeps more of the gains and forgets less of what the base knew.']
      : []),
  ].join('\n')
}

/** The same as a picture's table: blue where the loss is below the base's. */
export function leaderboardAsTable(board: readonly LeaderboardEntry[]): ColouredTable {
  const changes = board.map(({ againstBase }) => againstBase?.relative ?? 0)
  const most = Math.max(...changes.map(Math.abs)) || 1
  return {
    title: 'Leaderboard by denoising loss, best first (differences: minus is better)',
    columns: COLUMNS,
    rows: board.map((entry, place) => ({
      name: entryName(entry),
      cells: cellsOfEntry(entry).map((text, column) => ({
        text: text.replaceAll('−', '-').replaceAll('±', '+-'),
        shade: column === 1 ? changes[place]! / most : 0,
      })),
    })),
  }
}

function entryName({ name, role, isOnFront }: LeaderboardEntry): string {
  return `${role === 'merge' || role === name ? name : `${name} (${role})`}${isOnFront ? ' *' : ''}`
}

function cellsOfEntry({ loss, againstBase, againstSoup, keptPercent, forgets, scale, ...row }: LeaderboardEntry) {
  return [
    loss.toFixed(4),
    againstBase ? differenceInWords(againstBase) : '',
    againstSoup ? differenceInWords(againstSoup) : '',
    keptPercent === null ? '' : `${Math.round(keptPercent)} %`.replace('-', '−'),
    forgets === null ? '' : `${signed(forgets.value, 0)} %`,
    scale === null ? '' : String(scale),
    row.seconds === null ? '' : seconds(row.seconds),
  ]
}

function scoreCells({ name }: LeaderboardEntry, scores: readonly ScoreSummary[]): string[] {
  return scores.map((summary) => {
    const mean = meanScore(summary, name)
    return mean ? scoreText(summary.scorer, mean.value) : ''
  })
}
