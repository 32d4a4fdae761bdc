import type { ScoreFigures } from '../../contract/evaluate/csv-tables'
import { ALL_DOMAINS, cellsOf, type Estimate } from '../../contract/evaluate/losses'
import { SCORER_DESCRIPTIONS } from '../../contract/evaluate/scores/scorers'
import {
  bestInWords,
  bestMark,
  scoreText,
  type ScoredModel,
  type ScoreSummary,
} from '../../contract/evaluate/scores/scores'
import type { ColouredTable } from '../../engine/image/table-picture'
import { table } from './output'

/** Scores for people: a table of each scorer, the best of every column marked. */
export function scoresInWords({ domains, scores }: ScoreFigures): string {
  return scores
    .map((summary) => {
      const { label, meaning } = SCORER_DESCRIPTIONS[summary.scorer]
      const names = [...domains.map(({ name }) => name), ALL_DOMAINS]
      const rows = summary.models.map((model) => [
        model.name,
        ...cellsOf(model).map(({ score }, place) => cellText(summary, model, place, score)),
      ])
      return [
        `${label} of drawn pictures, with 95 % intervals over prompts. ${meaning}`,
        '',
        table([['', ...names], ...rows]),
        ...bestLines(summary, names),
      ].join('\n')
    })
    .join('\n\n')
}

/** The same as tables of a picture: blue where a model is better than the base. */
export function scoresAsTables({ domains, scores }: ScoreFigures): ColouredTable[] {
  return scores.map((summary) => {
    const differences = summary.models.flatMap((model) =>
      cellsOf(model).map(({ difference }) => difference?.value ?? 0),
    )
    const most = Math.max(...differences.map(Math.abs)) || 1
    return {
      title: `${SCORER_DESCRIPTIONS[summary.scorer].label}, more is better: * best, (*) not certainly`,
      columns: [...domains.map(({ name }) => name), ALL_DOMAINS],
      rows: summary.models.map((model) => ({
        name: model.name,
        cells: cellsOf(model).map(({ score, difference }, place) => ({
          text: `${scoreText(summary.scorer, score.value)}${bestMark(summary, model, place)}`.replace('−', '-'),
          shade: -(difference?.value ?? 0) / most,
        })),
      })),
    }
  })
}

function cellText(summary: ScoreSummary, model: ScoredModel, place: number, { value, interval }: Estimate): string {
  const text = (number: number): string => scoreText(summary.scorer, number)
  const range = interval ? ` [${text(interval.low)} … ${text(interval.high)}]` : ''
  return `${text(value)}${range}${bestMark(summary, model, place)}`
}

/** Who is best, column by column. */
function bestLines(summary: ScoreSummary, names: readonly string[]): string[] {
  const told = names.flatMap((name, place) => {
    const words = bestInWords(summary, place)
    return words === '' ? [] : [`${name}: ${words}`]
  })
  return told.length === 0
    ? []
    : ['', '*: the best of its column; (*): the highest, but not certainly the best.', ...told]
}
