import { resolve } from 'node:path'
import { Option, type Command } from 'commander'
import type { TaskContext } from '../../../compute/task'
import type { Project } from '../../../contract/document/project'
import type { EvaluationReport } from '../../../contract/evaluate/report'
import { evaluationAsCsv } from '../../../contract/evaluate/csv-tables'
import { inspectedAsCsv } from '../../../contract/report/inspect-section'
import { NO_MAP } from '../../../contract/report/inspected-map'
import { projectReport, type ReportedResults } from '../../../contract/report/project-report'
import { formatDate } from '../../../contract/values/format'
import { csvFile, REPORT_FILE } from '../../../engine/files/writing/file-kinds'
import type { TargetRule } from '../../../engine/files/writing/target'
import { checkOutput, writeOutput } from '../../../engine/files/writing/write-output'
import { DEVICES, type Device } from '../../../engine/runtime/providers'
import { projectTitle, readProject } from '../../../project/project-file'
import { dataFolder } from '../../folders'
import { lines, printResult, ProgressLine, runCommand, UsageError, type CommonOptions } from '../../output/output'
import {
  drawnPictures,
  foundMap,
  isOfProject,
  keptEvaluations,
  measuredTable,
  type ComputingContext,
  type Origin,
} from '../../report-results'
import { NO_FIGURES } from '../measuring/evaluate'

interface ReportOptions extends CommonOptions {
  html?: string
  csv?: string
  losses?: string
  measure?: boolean
  results?: string
  device: Device
}

const HTML_RULE = { kind: REPORT_FILE, overwrite: true }
const LAYERS_RULE = { kind: csvFile(inspectedAsCsv(NO_MAP)), overwrite: true }
const LOSSES_RULE = { kind: csvFile(evaluationAsCsv(NO_FIGURES)), overwrite: true }

/** `featurefusion report`: what Inspect and Evaluate show, as the files that the window saves. */
export function addReportCommand(program: Command, files: Pick<TaskContext, 'workerFile' | 'clipVocabulary'>): void {
  program
    .command('report <project>')
    .summary('write Inspect and Evaluate of a project as one HTML page, and as CSV')
    .description(
      'write Inspect and Evaluate of a project as one HTML page, and as CSV, as the window saves them. What was computed in the window is taken; where Inspect is missing or of other models or settings, it is computed. Losses are measured with --measure alone.',
    )
    .option('--html <file>', 'one page that needs nothing else')
    .option('--csv <file>', 'layers and blocks: change, what survives, conflicts')
    .option('--losses <file>', 'losses as CSV')
    .option('--measure', 'measure losses where none of the project as it is are kept; takes as long as evaluate')
    .option('--results <dir>', 'where the window keeps its results: the folder of serve --data')
    .addOption(new Option('--device <name>', 'where it is computed').choices(DEVICES).default('auto'))
    .option('--json', 'what was written, and from which results, as JSON')
    .action((path: string, options: ReportOptions) =>
      runCommand(options, (signal) => report(resolve(path), options, files, signal)),
    )
}

async function report(
  path: string,
  options: ReportOptions,
  files: Pick<TaskContext, 'workerFile' | 'clipVocabulary'>,
  signal: AbortSignal,
): Promise<void> {
  const { html, csv, losses } = options
  if (html === undefined && csv === undefined && losses === undefined)
    throw new UsageError('Say what to write: --html FILE, --csv FILE, --losses FILE.')
  const project = await readProject(path)
  const kept = options.results === undefined ? dataFolder() : resolve(options.results)
  if (html !== undefined) await checkOutput(html, HTML_RULE)
  if (csv !== undefined) await checkOutput(csv, LAYERS_RULE)
  if (losses !== undefined) await checkOutput(losses, LOSSES_RULE)

  const found = await withProgress((onProgress) => {
    return foundResults(project, kept, options, { ...files, signal, device: options.device, onProgress })
  })
  const written: string[] = []
  const write = async (file: string | undefined, text: () => string, rule: TargetRule): Promise<void> => {
    if (file === undefined) return
    await writeOutput(file, text(), rule)
    written.push(file)
  }
  if (losses !== undefined && found.table === null)
    throw new UsageError('No losses of these models are kept.', 'Measure them on the way with --measure.')
  await write(html, () => projectReport(projectTitle(path), project, found, Date.now()), HTML_RULE)
  await write(csv, () => inspectedAsCsv(found.map!), LAYERS_RULE)
  await write(losses, () => lossesAsCsv(found), LOSSES_RULE)
  printResult(options, { written, sources: found.sources }, () => lines([...written, ...inWords(found.sources)]))
}

async function withProgress<Result>(
  run: (onProgress: (phase: string, fraction: number) => void) => Promise<Result>,
): Promise<Result> {
  const progress = new ProgressLine()
  try {
    return await run((phase, fraction) => progress.show(phase, fraction))
  } finally {
    progress.end()
  }
}

/** Where a result comes from, and of when it is. */
interface Source {
  from: Origin
  time: number
  /** Whether it is of the project as it is. */
  isCurrent: boolean
}

interface FoundResults extends ReportedResults {
  /** null: there is none. */
  sources: { inspect: Source | null; losses: Source | null; comparison: Source | null }
}

async function foundResults(
  project: Project,
  kept: string,
  { html, csv, measure }: ReportOptions,
  context: ComputingContext,
): Promise<FoundResults> {
  const evaluations = await keptEvaluations(project, kept)
  const isKept = evaluations.table !== null && isOfProject(evaluations.table, project)
  const isMeasured = measure === true && !isKept
  const table = isMeasured ? await measuredTable(project, context) : evaluations.table
  const isCurrent = table !== null && isOfProject(table, project)
  const inspected = html === undefined && csv === undefined ? null : await foundMap(project, kept, context)
  const pictures = html !== undefined && isCurrent ? await drawnPictures(project) : []
  const comparison = evaluations.comparison?.leaderboard
    ? { report: evaluations.comparison, isCurrent: isOfProject(evaluations.comparison, project) }
    : null
  const ofEvaluation = (from: Origin, { time }: EvaluationReport, current: boolean): Source => {
    return { from, time, isCurrent: current }
  }
  return {
    map: inspected && inspected.result.map,
    table: table?.summary ? { report: table, summary: table.summary, isCurrent, pictures } : null,
    comparison,
    scores: isCurrent && evaluations.scores?.done ? evaluations.scores : null,
    methodScores: comparison?.isCurrent && evaluations.methodScores?.done ? evaluations.methodScores : null,
    sources: {
      inspect: inspected && { from: inspected.origin, time: inspected.result.time, isCurrent: true },
      losses: table?.summary ? ofEvaluation(isMeasured ? 'computed' : 'kept', table, isCurrent) : null,
      comparison: comparison && ofEvaluation('kept', comparison.report, comparison.isCurrent),
    },
  }
}

function lossesAsCsv({ table, scores }: FoundResults): string {
  const { summary, report } = table!
  return evaluationAsCsv({ ...summary, unlearned: report.unlearned, scores, recognition: report.recognition })
}

function inWords({ inspect, losses, comparison }: FoundResults['sources']): string[] {
  const words = (name: string, source: Source | null): string => {
    if (!source) return `${name}: none`
    if (source.from === 'computed') return `${name}: computed now`
    const since = source.isCurrent ? '' : '; the project has changed since'
    return `${name}: as the window keeps it, ${formatDate(source.time)}${since}`
  }
  return [words('Inspect', inspect), words('Losses', losses), words('Methods compared', comparison)]
}
