import type { Share } from '../../shares/share'
import type { UsedDomains } from '../compare/compare-methods'
import type { ChosenDomain } from '../data/splits'
import { countPictures } from '../data/splits'
import type { EvaluatedRow, EvaluationRun } from '../evaluation-run'

/** The least part of an evaluation that a share can have. */
export interface Unit {
  row: EvaluatedRow
  /** The pictures that its losses are measured on. */
  domains: readonly ChosenDomain[]
  /** Runs of the UNet on one picture, about. */
  cost: number
  /** For people. */
  name: string
}

/** Scales that a search tries: most end after four or five. */
const USUAL_SCALES = 5

/**
 * The parts of an evaluation: each row on each domain. A row that draws, or whose scale is searched, is one part.
 * @param drawnRuns runs of the UNet on one picture that each row takes to draw what is scored
 */
export function unitsOf(
  run: Pick<EvaluationRun, 'timesteps' | 'drawnSteps'>,
  rows: readonly EvaluatedRow[],
  { search, judged }: UsedDomains,
  drawnRuns: number,
): Unit[] {
  const runs = (domains: readonly ChosenDomain[]): number => countPictures(domains) * run.timesteps.length
  const drawn = run.drawnSteps + drawnRuns
  return rows.flatMap((row): Unit[] => {
    const searched = search && row.searchesScale ? USUAL_SCALES * runs(search) : 0
    if (drawn + searched > 0) return [{ row, domains: judged, cost: runs(judged) + drawn + searched, name: row.name }]
    return judged.map((domain) => ({
      row,
      domains: [domain],
      cost: runs([domain]),
      name: `${row.name} on ${domain.name}`,
    }))
  })
}

/**
 * The parts of one share: a run of parts that follow each other, so that each row is loaded by as few shares as possible.
 * A part belongs where the middle of its cost lies; it follows from the costs alone, so every process finds the same.
 */
export function unitsOfShare<Part extends { cost: number }>(units: readonly Part[], { index, count }: Share): Part[] {
  const total = units.reduce((sum, { cost }) => sum + cost, 0)
  let before = 0
  return units.filter(({ cost }) => {
    const middle = before + cost / 2
    before += cost
    return Math.min(count - 1, Math.floor((middle / total) * count)) === index - 1
  })
}
