import { ALL_DOMAINS, cellsOf, excludesZero, relativeChange, type LossSummary } from '../evaluate/losses'
import type { EvaluationReport } from '../evaluate/report'
import { divergingScale } from '../values/colour-scales'
import { formatDate } from '../values/format'
import { cellWords, signedPercent } from '../evaluate/loss-words'
import { fullColourChange } from '../evaluate/outliers'
import { byRole, keptText, tableVerdict } from '../evaluate/table-verdict'
import type { ReportCell, ReportSection, ReportTable } from './report-page'
import { picturesOf } from '../evaluate/settings'

/** Pictures by row and domain, as data URLs. */
export type ReportPictures = readonly { row: string; domain: string; url: string; prompt: string }[]

/** The table of losses with its pictures, and what is kept. */
export function tableSection(
  report: EvaluationReport,
  summary: LossSummary,
  pictures: ReportPictures,
  isCurrent: boolean,
): ReportSection {
  return {
    title: 'What the merge knows',
    paragraphs: [
      ...(isCurrent ? [] : ['The project has changed since this was measured.']),
      tableVerdict(summary),
      `Measured ${formatDate(report.time)} on ${picturesOf(report.split)}. The base: denoising loss. Other rows: the change against it, negative is better; in brackets: not significant.`,
    ],
    tables: [lossTable(summary, pictures), keptTable(summary)],
  }
}

function lossTable(summary: LossSummary, pictures: ReportPictures): ReportTable {
  const domains = [...summary.domains.map(({ name }) => name), ALL_DOMAINS]
  const changes = summary.models.flatMap((model) => cellsOf(model).map(relativeChange))
  const limit = fullColourChange(changes.filter((change) => change !== null))
  return {
    caption: pictures.length > 0 ? 'Who draws what, and the losses' : 'Losses by domain',
    columns: domains,
    rows: byRole(summary.models).map((model) => ({
      name: model.name,
      cells: cellsOf(model).map((cell, place): ReportCell => {
        const domain = domains[place]!
        const change = relativeChange(cell)
        const text = change === null ? cell.loss.value.toFixed(4) : signedPercent(change)
        const drawn = pictures.find((one) => one.row === model.name && one.domain === domain)
        return {
          text: change === null || excludesZero(cell.difference!) ? text : `(${text})`,
          title: cellWords(model.name, domain, cell),
          value: change,
          picture: drawn && { url: drawn.url, alt: `${model.name} draws ${drawn.prompt}` },
        }
      }),
    })),
    scales: { light: divergingScale('light', limit), dark: divergingScale('dark', limit) },
  }
}

function keptTable({ models }: LossSummary): ReportTable {
  const gaining = models.filter(({ gains }) => gains).map(({ name }) => name)
  const merges = models.filter(({ role }) => role === 'merge')
  return {
    caption: 'Kept of each specialist’s gain',
    columns: gaining,
    rows: merges.map(({ name, kept }) => ({
      name,
      cells: gaining.map((specialist) => {
        const found = kept.find((one) => one.specialist === specialist)
        return { text: found ? keptText(found.percent.value) : '' }
      }),
    })),
    scales: null,
  }
}

/** The leaderboard, best first. */
export function comparisonSection(report: EvaluationReport, isCurrent: boolean): ReportSection {
  const board = report.leaderboard ?? []
  return {
    title: 'Methods compared',
    paragraphs: [
      ...(isCurrent ? [] : ['The project has changed since this was measured.']),
      ...(report.verdict ? [report.verdict] : []),
      `Measured ${formatDate(report.time)} on ${picturesOf(report.split)}.`,
    ],
    tables: [
      {
        caption: 'Best first',
        columns: ['loss', 'gains kept', 'base forgets', 'against the plain average'],
        rows: board.map(({ name, loss, keptPercent, forgets, againstSoup }) => ({
          name,
          cells: [
            { text: loss.toFixed(4) },
            { text: keptPercent === null ? '' : keptText(keptPercent) },
            { text: forgets === null ? '' : signedPercent(forgets.value / 100, 0) },
            { text: againstSoup === null ? '' : signedPercent(againstSoup.relative, 2) },
          ],
        })),
        scales: null,
      },
    ],
  }
}
