import type { LeaderboardEntry } from './losses'

type Place = Pick<LeaderboardEntry, 'name' | 'role' | 'keptPercent' | 'forgets'>

/** A merge with both of its figures, in per cent. */
export interface MergePoint {
  name: string
  /** Of the specialists' gains. */
  kept: number
  /** Of the base's own loss. */
  forgets: number
}

/** The merges that have both figures. */
export function mergePoints(board: readonly Place[]): MergePoint[] {
  return board.flatMap(({ name, role, keptPercent: kept, forgets }) =>
    role === 'merge' && kept !== null && forgets ? [{ name, kept, forgets: forgets.value }] : [],
  )
}

/** The Pareto front: merges that no other one surpasses in one figure without being behind in the other; by what they forget. */
export function paretoFront(points: readonly MergePoint[]): MergePoint[] {
  const isSurpassed = (point: MergePoint): boolean =>
    points.some(
      ({ kept, forgets }) =>
        kept >= point.kept && forgets <= point.forgets && (kept > point.kept || forgets < point.forgets),
    )
  return points.filter((point) => !isSurpassed(point)).sort((a, b) => a.forgets - b.forgets || a.kept - b.kept)
}
