import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { RecogniserSettings } from '../../engine/evaluate/recognition/recogniser'
import { recognitionSettingsSchema, type RecognitionSettings } from '../../contract/evaluate/recognition'
import { clipSettingsSchema, type ClipSettings } from '../../contract/evaluate/settings'
import type { EvaluationRun } from '../../engine/evaluate/evaluation-run'
import { count, number, steps } from './option-values'

const RECOGNITION = recognitionSettingsSchema.parse({})
const CLIP = clipSettingsSchema.parse({})

/** How models draw what is recognised, or scored by a CLIP model. */
export interface DrawingOptions {
  recognition?: boolean
  clip?: string
  prompts?: number
  seeds?: number
  steps?: number
  guidance?: number
  scheduler?: string
}

/** @param clip what a CLIP model is for, in words */
export function addDrawingOptions(command: Command, clip: string): Command {
  return command
    .option(
      '--recognition',
      'also draw every caption, and say how many pictures are nearer to a picture of their own caption than to any other',
    )
    .option('--clip <dir>', `a CLIP model: ${clip}`)
    .option('--prompts <n>', 'for --recognition: at most so many captions of each domain (default: all)', count)
    .option(
      '--seeds <n>',
      `drawn pictures per caption (default: ${RECOGNITION.seeds}; for CLIP scores ${CLIP.seeds})`,
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

/** How pictures are drawn for CLIP scores. */
export function clipDrawingOf(options: DrawingOptions): Pick<ClipSettings, 'seeds' | 'steps' | 'guidance'> {
  const { seeds, steps: iterations, guidance } = drawingOf(options, CLIP)
  return { seeds, steps: iterations, guidance }
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

/** What drawing takes, before it begins. */
export function drawingForecast({ drawnPictures, drawnSteps }: EvaluationRun, models: number): string {
  const all = (each: number): string => (each * models).toLocaleString('en')
  return `Recognition: ${drawnPictures} pictures of each of ${models} models, ${all(drawnSteps)} runs of the network on a picture in all; what was drawn before is not drawn again.`
}
