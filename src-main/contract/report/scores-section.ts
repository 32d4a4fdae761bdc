import { ALL_DOMAINS, cellsOf } from '../evaluate/losses'
import { SCORER_DESCRIPTIONS } from '../evaluate/scores/scorers'
import {
  bestInWords,
  bestMark,
  estimateText,
  scoreText,
  type ScoreReport,
  type ScoreSummary,
} from '../evaluate/scores/scores'
import { byRole } from '../evaluate/table-verdict'
import { divergingScale } from '../values/colour-scales'
import { formatDate } from '../values/format'
import type { ReportCell, ReportSection, ReportTable } from './report-page'

/** What scorers say of the pictures that models drew: a table of each. */
export function scoresSection({ kind, time, domains, settings, scores }: ScoreReport): ReportSection {
  const names = [...domains.map(({ name }) => name), ALL_DOMAINS]
  return {
    title: kind === 'table' ? 'Scores of drawn pictures' : 'Scores of the methods’ pictures',
    paragraphs: [
      `Scored ${formatDate(time)}: ${settings.seeds} of every prompt, ${settings.steps} steps, guidance ${settings.guidance}. More is better; * marks the best of a column, (*) the highest where other prompts might tell otherwise.`,
      ...scores.flatMap((summary) => {
        const winner = bestInWords(summary, domains.length)
        return winner ? [`${SCORER_DESCRIPTIONS[summary.scorer].label}, over all domains: ${winner}`] : []
      }),
    ],
    tables: scores.map((summary) => scoreTable(summary, names)),
  }
}

function scoreTable(summary: ScoreSummary, columns: string[]): ReportTable {
  const { scorer, models } = summary
  const differences = models.flatMap((model) => cellsOf(model).map(({ difference }) => difference?.value ?? 0))
  const limit = Math.max(...differences.map(Math.abs)) || 1
  return {
    caption: SCORER_DESCRIPTIONS[scorer].label,
    columns,
    rows: byRole(models).map((model) => ({
      name: model.name,
      cells: cellsOf(model).map(({ score, difference }, place): ReportCell => ({
        text: `${scoreText(scorer, score.value)}${bestMark(summary, model, place)}`,
        title: `${model.name} on ${columns[place]!}: ${estimateText(scorer, score)}`,
        // Blue is better, as in the table of losses.
        value: difference && -difference.value,
      })),
    })),
    scales: { light: divergingScale('light', limit), dark: divergingScale('dark', limit) },
  }
}
