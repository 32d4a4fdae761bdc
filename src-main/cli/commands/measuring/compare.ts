import { Option, type Command } from 'commander'
import { SCALES, type Scales } from '../../../contract/evaluate/settings'
import { needsCalibration, type Project } from '../../../contract/document/project'
import { describedMethod, METHOD_NAMES, type MethodName } from '../../../contract/methods/index'
import { leaderboardAsCsv } from '../../../contract/evaluate/csv-tables'
import {
  comparedRows,
  judgedDomains,
  measureRows,
  withFoundScales,
} from '../../../engine/evaluate/compare/compare-methods'
import type { EvaluatedRow } from '../../../engine/evaluate/evaluation-run'
import { compareRows } from '../../../engine/evaluate/compare/leaderboard'
import { checkScorers } from '../../../engine/evaluate/scored-pictures/score-table'
import { csvFile } from '../../../engine/files/writing/file-kinds'
import { OWN_PNG_FILE } from '../../../engine/image/png-file'
import { checkOutput, writeOutput } from '../../../engine/files/writing/write-output'
import { encodePng } from '../../../engine/image/png'
import { drawTables } from '../../../engine/image/table-picture'
import { evaluationFolder } from '../../../project/evaluation-folder'
import {
  addEvaluationOptions,
  evaluatedProject,
  withRun,
  type EvaluationOptions,
} from '../../options/evaluation-options'
import {
  addDrawingOptions,
  drawingForecast,
  recogniserOf,
  scoredBy,
  scoringOf,
  type DrawingOptions,
} from '../../options/drawing-options'
import { oneOf } from '../../options/option-values'
import { addResultsOptions, openResults, type ResultsOptions } from '../../options/results-options'
import { scorerFilesOf } from '../../options/scorer-options'
import { leaderboardAsTable, leaderboardInWords } from '../../output/leaderboard-output'
import { recognitionInWords } from '../../output/recognition-output'
import { scoresAsTables, scoresInWords } from '../../output/scores-output'
import { sayGathered } from '../../output/shared-output'
import { doShare } from '../../shared-evaluation'
import type { ProgramFiles } from '../merging/merge'
import { printResult, runCommand, say, seconds, UsageError } from '../../output/output'

type CompareOptions = EvaluationOptions &
  DrawingOptions &
  ResultsOptions & { csv?: string; png?: string; scales?: Scales; only: MethodName[] }

const CSV_RULE = { kind: csvFile(leaderboardAsCsv([])), overwrite: true }

/** `featurefusion compare`: every method on the same models and pictures, as a leaderboard. */
export function addCompareCommand(program: Command, files: ProgramFiles): void {
  const command = program
    .command('compare [project]')
    .description('merge the models by every method and measure each: a leaderboard by denoising loss')
    .option('--csv <file>', 'write the leaderboard as CSV')
    .option('--png <file>', 'write the leaderboard as a picture, with a table of each scorer')
    .addOption(
      new Option(
        '--scales <which>',
        "of methods with a scale: searched on every second picture, and all methods judged by the others; or as their papers have them, judged by all (default: the project's, or searched)",
      ).choices(SCALES),
    )
    .addOption(
      new Option(
        '--only <method>',
        "only this method beside the plain average, a name of merge's --method; can be given more than once (default: the project's, or all)",
      )
        .default([])
        .argParser(oneOf(METHOD_NAMES)),
    )
  addDrawingOptions(command)
  addResultsOptions(command)
  addEvaluationOptions(command)
  command.action((path: string | undefined, options: CompareOptions) =>
    runCommand(options, async (signal) => {
      const started = performance.now()
      const own = await evaluatedProject(path, options)
      const scales = options.scales ?? own.evaluation.scales
      const methods = options.only.length > 0 ? options.only : own.evaluation.methods
      const project = { ...own, evaluation: { ...own.evaluation, scales, methods } }
      const rows = comparedRows(project)
      for (const method of options.only) refuseLeftOut(method, rows, project)
      // Pictures that are measured on are PNGs too.
      const pngRule = { kind: OWN_PNG_FILE, overwrite: true, sources: [evaluationFolder(project)] }
      if (options.csv !== undefined) await checkOutput(options.csv, CSV_RULE)
      if (options.png !== undefined) await checkOutput(options.png, pngRule)
      const { seed, recognition } = project.evaluation
      const settings = recogniserOf(options, seed, recognition)
      const shared = await openResults(options)
      const measuring = { ...options, recognition: settings, results: shared?.lines }
      await withRun(project, measuring, files, signal, async (run, progress) => {
        await checkScorers(scorerFilesOf(options), run.scoring)
        const scored = await scoringOf(options, run, seed)
        if (shared && (await doShare(shared, { run, rows, scored }, options, progress, started))) return
        if (settings) say(drawingForecast(run, rows.length))
        const failed: { name: string; message: string }[] = []
        const measured = await measureRows(run, rows, {
          onProgress: (phase, fraction) => progress.show(phase, fraction),
          onFailed: (name, { message }) => failed.push({ name, message }),
        })
        const { summary, leaderboard, verdict } = compareRows(run, measured, judgedDomains(run, rows))
        progress.end()
        for (const { name, message } of failed) say(`${name}: ${message}`)
        const scores = await scoredBy(options, run, withFoundScales(rows, measured), seed, progress)
        progress.end()
        if (options.csv !== undefined)
          await writeOutput(options.csv, leaderboardAsCsv(leaderboard, scores?.scores), CSV_RULE)
        if (options.png !== undefined) {
          const tables = [leaderboardAsTable(leaderboard), ...(scores ? scoresAsTables(scores) : [])]
          await writeOutput(options.png, encodePng(drawTables(tables)), pngRule)
        }
        if (shared) sayGathered(shared)
        const took = (performance.now() - started) / 1000
        const recognised = run.recognitionOf(measured)
        const result = { verdict, leaderboard, failed, summary, scores, recognition: recognised, seconds: took }
        printResult(options, result, () =>
          [
            leaderboardInWords(leaderboard, scores?.scores),
            '',
            ...(scores ? [scoresInWords(scores), ''] : []),
            ...(recognised ? [recognitionInWords(recognised), ''] : []),
            verdict,
            `Done in ${seconds(took)}.`,
          ].join('\n'),
        )
      })
    }),
  )
}

/** @throws UsageError for a method that was asked for and has no row */
function refuseLeftOut(name: MethodName, rows: readonly EvaluatedRow[], project: Project): void {
  if (rows.some(({ merge }) => merge?.method.name === name)) return
  const { title, specialists } = describedMethod(name)
  const { calibration } = project.method
  if (needsCalibration({ ...project.method, name }) && calibration === undefined)
    throw new UsageError(
      `${title} needs calibration data.`,
      'featurefusion calibrate makes it; then give --calibration FILE.',
    )
  throw new UsageError(
    `${title} is not compared: it takes another number of specialists (at least ${specialists.least}), or has no row of its own.`,
  )
}
