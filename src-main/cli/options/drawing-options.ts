import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { ScoreFigures } from '../../contract/evaluate/csv-tables'
import type { RecogniserSettings } from '../../engine/evaluate/recognition/recogniser'
import { recognitionSettingsSchema, type RecognitionSettings } from '../../contract/evaluate/scores/recognition'
import type { ScorerFiles } from '../../contract/evaluate/scores/scorers'
import { chosenScorers } from '../../contract/evaluate/scores/scores'
import { scoreSettingsSchema } from '../../contract/evaluate/settings'
import { formatCount } from '../../contract/values/format'
import { promptsFor } from '../../engine/evaluate/data/prompt-domains'
import type { EvaluatedRow, EvaluationRun } from '../../engine/evaluate/evaluation-run'
import { drawAndScore, type DrawnTable } from '../../engine/evaluate/scored-pictures/score-table'
import { say, type ProgressLine } from '../output/output'
import { count, number, steps } from './option-values'
import { addScorerOptions, scorerFilesOf, type ScorerOptions } from './scorer-options'

const RECOGNITION = recognitionSettingsSchema.parse({})
const SCORES = scoreSettingsSchema.parse({})

/** How models draw what is recognised, or scored. */
export interface DrawingOptions extends ScorerOptions {
  recognition?: boolean
  promptFile?: string
  prompts?: number
  seeds?: number
  steps?: number
  guidance?: number
  scheduler?: string
}

/** Options of commands whose models draw; with the files of a scorer they draw to be scored. */
export function addDrawingOptions(command: Command): Command {
  command.option(
    '--recognition',
    'also draw every caption, and say how many pictures are nearer to a picture of their own caption than to any other',
  )
  addScorerOptions(command, '; with --recognition it compares pictures, too')
  return command
    .option(
      '--prompt-file <file>',
      'for scores: prompts instead of captions, one a line; a line [name] begins a domain of that name',
    )
    .option('--prompts <n>', 'at most so many captions or prompts of each domain (default: all)', count)
    .option(
      '--seeds <n>',
      `drawn pictures per caption (default: ${RECOGNITION.seeds}; for scores ${SCORES.seeds})`,
      count,
    )
    .option('--steps <n>', `denoising steps of drawn pictures (default: ${RECOGNITION.steps})`, steps)
    .option('--guidance <number>', `guidance scale of drawn pictures (default: ${RECOGNITION.guidance})`, number)
    .option('--scheduler <name>', "scheduler of drawn pictures (default: the model's own)")
}

/**
 * What is drawn to be recognised; undefined where nobody asks for it.
 * @param seed the first one
 * @param settings where the command line says nothing
 */
export function recogniserOf(
  options: DrawingOptions,
  seed: number,
  settings: RecognitionSettings = RECOGNITION,
): RecogniserSettings | undefined {
  if (!options.recognition) return undefined
  const { scheduler, clip } = options
  return {
    drawing: { ...drawingOf(options, settings), seed, ...(scheduler !== undefined && { scheduler }) },
    clip: clip === undefined ? null : resolve(clip),
  }
}

/**
 * Draws and scores rows, once their losses are measured: the networks are freed before a scorer is loaded. A row that
 * fails is said.
 * @param seed the first one
 * @returns null where no scorer is named
 * @throws what drawAndScore throws, and reading a file of prompts
 */
export async function scoredBy(
  options: DrawingOptions,
  run: EvaluationRun,
  rows: readonly EvaluatedRow[],
  seed: number,
  progress: ProgressLine,
): Promise<ScoreFigures | null> {
  const scored = await scoringOf(options, run, seed)
  if (!scored) return null
  const { table, files } = scored
  const scores = await drawAndScore(run, rows, table, files, {
    onProgress: (phase, fraction) => progress.show(phase, fraction),
    onFailed: (name, { message }) => say(`${name}: ${message}`),
  })
  return { domains: table.domains.map(({ name }) => ({ name })), scores }
}

/** What rows draw to be scored, and by which scorers; null where none is named. @throws reading a file of prompts */
export async function scoringOf(
  options: DrawingOptions,
  run: EvaluationRun,
  seed: number,
): Promise<{ table: DrawnTable; files: ScorerFiles } | null> {
  const files = scorerFilesOf(options)
  return chosenScorers(files).length === 0 ? null : { table: await drawnTable(options, run, seed), files }
}

async function drawnTable(options: DrawingOptions, run: EvaluationRun, seed: number): Promise<DrawnTable> {
  const { promptFile, prompts, scheduler } = options
  const domains = await promptsFor(run.domains, {
    promptFile: promptFile === undefined ? null : resolve(promptFile),
    prompts,
  })
  const { seeds, steps: iterations, guidance } = drawingOf(options, SCORES)
  return {
    domains,
    seeds,
    seed,
    settings: { steps: iterations, guidance, ...(scheduler !== undefined && { scheduler }) },
  }
}

/** Settings of drawn pictures as the command line changes them. */
function drawingOf<Settings extends Pick<RecognitionSettings, 'seeds' | 'steps' | 'guidance'>>(
  { prompts, seeds, steps: iterations, guidance }: DrawingOptions,
  settings: Settings,
): Settings {
  return {
    ...settings,
    ...(prompts !== undefined && { prompts }),
    ...(seeds !== undefined && { seeds }),
    ...(iterations !== undefined && { steps: iterations }),
    ...(guidance !== undefined && { guidance }),
  }
}

/** What drawing to be recognised takes, before it begins. */
export function drawingForecast({ drawnPictures, drawnSteps }: EvaluationRun, models: number): string {
  const all = (each: number): string => formatCount(each * models)
  return `Recognition: ${drawnPictures} pictures of each of ${models} models, ${all(drawnSteps)} runs of the network on a picture in all; what was drawn before is not drawn again.`
}
