import { readingOf, type EmaUse } from '../../../contract/document/project'
import { resolve } from 'node:path'
import { Option, type Command } from 'commander'
import { evaluationAsCsv } from '../../../contract/evaluate/csv-tables'
import { SPLITS, type Split } from '../../../contract/evaluate/settings'
import type { PredictionType } from '../../../engine/checkpoint/model/checkpoint'
import { describeCheckpoint, RECIPE_KEY } from '../../../engine/checkpoint/describe'
import { openModel, openSpecialist } from '../../../engine/merge/open-model'
import { refuseEdm } from '../../../engine/checkpoint/identify/prediction'
import { emaNotices } from '../../../engine/checkpoint/ema'
import { predictionNotices } from '../../../engine/diffusion/pipeline-parts'
import { encodePng } from '../../../engine/image/png'
import { measureRows, withFoundScales } from '../../../engine/evaluate/compare/compare-methods'
import { EvaluationRun, type EvaluatedRow } from '../../../engine/evaluate/evaluation-run'
import { checkScorers } from '../../../engine/evaluate/scored-pictures/score-table'
import { summariseLosses } from '../../../engine/evaluate/losses/loss-summary'
import { drawTables } from '../../../engine/image/table-picture'
import { unlearnedGains, unlearningPairs } from '../../../engine/evaluate/losses/unlearned-gains'
import { csvFile } from '../../../engine/files/writing/file-kinds'
import { OWN_PNG_FILE } from '../../../engine/image/png-file'
import { checkOutput, writeOutput } from '../../../engine/files/writing/write-output'
import { DEVICES, type Device } from '../../../engine/runtime/providers'
import { evaluationAsTables, evaluationInWords, type Evaluation } from '../../output/evaluate-output'
import { cacheFolder } from '../../folders'
import { parseModelArgument, withNames, type ModelArgument } from '../../options/model-arguments'
import { emaOption, predictionOption } from '../../options/model-options'
import {
  addDrawingOptions,
  drawingForecast,
  recogniserOf,
  scoredBy,
  scoringOf,
  type DrawingOptions,
} from '../../options/drawing-options'
import { collect, count, number, threads } from '../../options/option-values'
import { addResultsOptions, deviceFor, openResults, type ResultsOptions } from '../../options/results-options'
import { scorerFilesOf } from '../../options/scorer-options'
import { sayGathered } from '../../output/shared-output'
import { doShare } from '../../shared-evaluation'
import { EXIT, ProgressLine, printResult, runCommand, say, UsageError, type CommonOptions } from '../../output/output'

interface EvaluateOptions extends CommonOptions, DrawingOptions, ResultsOptions {
  model: string[]
  merge: string[]
  data: string
  base?: string
  prediction?: PredictionType
  ema?: EmaUse
  split: Split
  pictures?: number
  seed: number
  csv?: string
  png?: string
  device: Device
  threads?: number
}

/** A model that the command line names. */
interface NamedModel {
  name: string
  path: string
  isMerge: boolean
}

/** Of a table with its header alone. */
export const NO_FIGURES = { models: [], domains: [], timesteps: [], unlearned: [], scores: null, recognition: null }
const CSV_RULE = { kind: csvFile(evaluationAsCsv(NO_FIGURES)), overwrite: true }

/** `featurefusion evaluate`: the denoising loss of every model on every domain, and what merges keep. */
export function addEvaluateCommand(program: Command, files: { clipVocabulary: string }): void {
  const command = program
    .command('evaluate')
    .description(
      "measure models on pictures with captions: denoising loss by domain, and how much merges keep of the specialists' gains",
    )
    .option(
      '--model <[name=]path>',
      'a model; once for each; the first is the base unless --base is given',
      collect,
      [],
    )
    .option('--merge <[name=]path>', 'a merge, where its file has no recipe that says so', collect, [])
    .requiredOption('--data <dir>', 'pictures with captions, sub-folders are domains; or a folder with evaluation.json')
    .option(
      '--base <path>',
      'a whole pipeline: the model to compare with; parts that other models do not have are taken from it',
    )
    .addOption(predictionOption())
    .addOption(emaOption())
    .addOption(new Option('--split <name>', 'which pictures').choices(SPLITS).default('held-out'))
    .option('--pictures <n>', 'at most so many pictures of each domain', count)
    .option('--seed <n>', 'seed of split, noise, intervals and pictures', number, 0)
    .option('--csv <file>', 'write all figures as CSV')
    .option('--png <file>', 'write the table as a picture')
  addDrawingOptions(command)
  addResultsOptions(command)
  command
    .addOption(new Option('--device <name>', 'where networks run').choices(DEVICES).default('auto'))
    .option('--threads <n>', 'threads inside an operator', threads)
    .option('--json', 'results as JSON')
    .action((options: EvaluateOptions) => runCommand(options, (signal) => evaluate(options, files, signal)))
}

async function evaluate(
  options: EvaluateOptions,
  files: { clipVocabulary: string },
  signal: AbortSignal,
): Promise<void> {
  const started = performance.now()
  const { base: baseModel, others } = namedModels(options)
  // Pictures that are measured on are PNGs too.
  const pngRule = { kind: OWN_PNG_FILE, overwrite: true, sources: [options.data] }
  if (options.csv !== undefined) await checkOutput(options.csv, CSV_RULE)
  if (options.png !== undefined) await checkOutput(options.png, pngRule)
  const shared = await openResults(options)
  const { split, pictures = null, seed, threads: wanted } = options
  const run = await EvaluationRun.open({
    base: baseModel.path,
    ...readingOf(options),
    data: { folder: resolve(options.data), split, pictures, seed },
    device: await deviceFor(options.device, shared?.lines),
    cacheFolder: cacheFolder(),
    results: shared?.lines,
    ...files,
    recognition: recogniserOf(options, seed),
    ...(wanted !== undefined && { threads: wanted }),
    signal,
  })
  const progress = new ProgressLine()
  try {
    await checkScorers(scorerFilesOf(options), run.scoring)
    const { rows, merges } = await openRows(baseModel, others, options)
    const scored = await scoringOf(options, run, seed)
    if (shared && (await doShare(shared, { run, rows, scored }, options, progress, started))) return
    if (run.drawnPictures > 0) say(drawingForecast(run, rows.length))
    const measured = await measureRows(run, rows, {
      onProgress: (phase, fraction) => progress.show(phase, fraction),
      onFailed: (name, { message, hint }) => say([`${name}: ${message}`, hint].filter(Boolean).join(' ')),
    })
    // A table of the base alone is no comparison.
    if (rows.length > 1 && measured.length === 1) process.exitCode = EXIT.failed
    const scores = await scoredBy(options, run, withFoundScales(rows, measured), seed, progress)
    const table = run.tableOf(measured)
    const summary = summariseLosses(table, { seed })
    const result: Evaluation = {
      ...summary,
      unlearned: unlearnedGains(table, summary, unlearningPairs(merges)),
      split,
      seed,
      scores,
      recognition: run.recognitionOf(measured),
      provider: run.provider,
      seconds: (performance.now() - started) / 1000,
    }
    if (options.csv !== undefined) await writeOutput(options.csv, evaluationAsCsv(result), CSV_RULE)
    if (options.png !== undefined)
      await writeOutput(options.png, encodePng(drawTables(evaluationAsTables(result))), pngRule)
    progress.end()
    if (shared) sayGathered(shared)
    printResult(options, result, () => evaluationInWords(result))
  } finally {
    progress.end()
    await run.release()
  }
}

/** Opens every model, so that one that cannot be measured is told before the others take their time. */
async function openRows(
  baseModel: NamedModel,
  others: readonly NamedModel[],
  options: EvaluateOptions,
): Promise<{ rows: EvaluatedRow[]; merges: { name: string; recipe: unknown }[] }> {
  const base = await openModel(baseModel.path, options)
  for (const notice of [...predictionNotices(base), ...emaNotices(base)]) say(`Note: ${notice}`)
  const rows: EvaluatedRow[] = [{ name: baseModel.name, role: 'base', path: baseModel.path, merge: null }]
  const merges: { name: string; recipe: unknown }[] = []
  for (const { name, path, isMerge } of others) {
    const checkpoint = await openSpecialist(path, () => Promise.resolve(base), readingOf(options))
    refuseEdm(checkpoint)
    for (const notice of [...predictionNotices(checkpoint, base), ...emaNotices(checkpoint)]) say(`Note: ${notice}`)
    const { recipe } = await describeCheckpoint(checkpoint)
    if (recipe) merges.push({ name, recipe: recipe[RECIPE_KEY] })
    rows.push({ name, role: isMerge || recipe ? 'merge' : 'specialist', path, merge: null })
  }
  return { rows, merges }
}

/** @throws UsageError where there is nothing to compare, a model is given twice, or a name stands for two models */
function namedModels(options: EvaluateOptions): { base: NamedModel; others: NamedModel[] } {
  const named = withNames([
    ...options.model.map((text) => ({ ...withoutWeight(text), isMerge: false })),
    ...options.merge.map((text) => ({ ...withoutWeight(text), isMerge: true })),
  ])
  const own = options.base === undefined ? named[0] : { ...withoutWeight(options.base), name: 'base', isMerge: false }
  if (!own || named.length === 0)
    throw new UsageError(
      'Name the models to measure: --model PATH.',
      'The first one is the base unless --base is given.',
    )
  const twice = named.find(({ path }, at) => named.findIndex((other) => other.path === path) < at)
  if (twice) throw new UsageError(`${twice.path} is given twice.`, 'Name every model once.')
  // A base that is also among the models is measured once, by the name that it has there.
  const base = named.find(({ path }) => path === own.path) ?? own
  const others = named.filter((model) => model !== base)
  if (others.some(({ name }) => name === base.name))
    throw new UsageError(`Two models are named ${base.name}.`, 'Give one another name: NAME=PATH.')
  return { base, others }
}

/** @throws UsageError for a weight: models are measured as they are */
function withoutWeight(text: string): ModelArgument {
  const argument = parseModelArgument(text)
  if (argument.weight === undefined) return argument
  throw new UsageError(`${text}: models are measured as they are, without a weight.`, 'Remove the part after @.')
}
