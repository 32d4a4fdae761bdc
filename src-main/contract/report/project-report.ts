import { methodWords } from '../methods/words'
import type { Project } from '../document/project'
import type { LossSummary } from '../evaluate/losses'
import type { EvaluationReport } from '../evaluate/report'
import { formatDate, formatNumber, shortPath } from '../values/format'
import type { ScoreReport } from '../evaluate/scores/scores'
import { comparisonSection, tableSection, type ReportPictures } from './evaluate-section'
import { scoresSection } from './scores-section'
import { inspectSection } from './inspect-section'
import type { InspectedMap } from './inspected-map'
import { reportPage, type ReportSection } from './report-page'

/** A result of Evaluate, and whether it is of the project as it is. */
export interface ReportedResult {
  report: EvaluationReport
  isCurrent: boolean
}

/** What there is to report of a project; null: nothing. */
export interface ReportedResults {
  map: InspectedMap | null
  table: (ReportedResult & { summary: LossSummary; pictures: ReportPictures }) | null
  comparison: ReportedResult | null
  /** Of the project as it is. */
  scores: ScoreReport | null
  /** Of its methods. */
  methodScores: ScoreReport | null
}

/** Inspect and Evaluate of a project as one HTML page. @param time of the page, in milliseconds since 1970 */
export function projectReport(
  title: string,
  project: Project,
  { map, table, comparison, scores, methodScores }: ReportedResults,
  time: number,
): string {
  return reportPage(title, `FeatureFusion Studio, ${formatDate(time)}`, [
    projectSection(project),
    ...(map ? [inspectSection(map, project)] : []),
    ...(table ? [tableSection(table.report, table.summary, table.pictures, table.isCurrent)] : []),
    ...(comparison ? [comparisonSection(comparison.report, comparison.isCurrent)] : []),
    ...[scores, methodScores].flatMap((one) => (one && one.scores.length > 0 ? [scoresSection(one)] : [])),
  ])
}

function projectSection({ models, method }: Pick<Project, 'models' | 'method'>): ReportSection {
  return {
    title: 'The project',
    paragraphs: [methodWords(method)],
    tables: [
      {
        caption: 'Models',
        columns: ['weight', 'file', 'sha256'],
        rows: models.map(({ name, weight, enabled, path, sha256 }, index) => ({
          name: index === 0 ? `${name} (base)` : name,
          cells: [
            { text: enabled || index === 0 ? formatNumber(weight) : 'dropped' },
            // A page that is passed on does not tell where things lie on this machine.
            { text: shortPath(path) },
            { text: sha256?.slice(0, 12) ?? '', title: sha256 },
          ],
        })),
        scales: null,
      },
    ],
  }
}
