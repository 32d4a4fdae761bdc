import { resolve } from 'node:path'
import { Option, type Command } from 'commander'
import { evaluationFolder } from '../../project/evaluation-folder'
import { SPLITS, type Split } from '../../contract/evaluate/settings'
import { type Project, readingOf } from '../../contract/document/project'
import { EvaluationRun } from '../../engine/evaluate/evaluation-run'
import type { ResultLines } from '../../engine/evaluate/measured/result-lines'
import type { RecogniserSettings } from '../../engine/evaluate/recognition/recogniser'
import { DEVICES, type Device } from '../../engine/runtime/providers'
import { cacheFolder } from '../folders'
import type { ProgramFiles } from '../commands/merging/merge'
import { addModelOptions, loadProject, type ModelOptions } from './model-options'
import { deviceFor } from './results-options'
import { count, threads } from './option-values'
import { ProgressLine, type CommonOptions } from '../output/output'

/** Options of commands that measure a project's models and merges. */
export interface EvaluationOptions extends ModelOptions, CommonOptions {
  data?: string
  split?: Split
  pictures?: number
  device: Device
  threads?: number
}

/** @param pictures how many pictures of each domain are taken where nobody says, in words */
export function addEvaluationOptions(command: Command, pictures = 'all'): void {
  command
    .option(
      '--data <dir>',
      "pictures with captions, sub-folders are domains; or a folder with evaluation.json (default: the project's, or evaluation/ beside the base)",
    )
    .addOption(new Option('--split <name>', "which pictures (default: the project's, or held-out)").choices(SPLITS))
    .option('--pictures <n>', `at most so many pictures of each domain (default: ${pictures})`, count)
    .addOption(new Option('--device <name>', 'where networks run').choices(DEVICES).default('auto'))
    .option('--threads <n>', 'threads inside an operator', threads)
    .option('--json', 'results as JSON')
  addModelOptions(command)
}

/**
 * The project of the command line, with the evaluation data that are used.
 * @throws UsageError, FusionError 'not-found', 'malformed', 'validation' (no data)
 */
export async function evaluatedProject(path: string | undefined, options: EvaluationOptions): Promise<Project> {
  const project = await loadProject(path, options, true)
  const { evaluation } = project
  return {
    ...project,
    evaluation: {
      ...evaluation,
      data: options.data === undefined ? evaluationFolder(project) : resolve(options.data),
      split: options.split ?? evaluation.split,
      pictures: options.pictures ?? evaluation.pictures,
      seed: options.seed ?? evaluation.seed,
    },
  }
}

/** Works with what a project is measured with, and releases it. */
export async function withRun(
  project: Project,
  {
    device,
    threads,
    recognition,
    results,
  }: Pick<EvaluationOptions, 'device' | 'threads'> & {
    recognition?: RecogniserSettings | undefined
    results?: ResultLines | undefined
  },
  { workerFile, clipVocabulary }: ProgramFiles,
  signal: AbortSignal,
  work: (run: EvaluationRun, progress: ProgressLine) => Promise<void>,
): Promise<void> {
  const { split, pictures, seed } = project.evaluation
  const progress = new ProgressLine()
  const run = await EvaluationRun.open({
    base: project.models[0]!.path,
    ...readingOf(project),
    data: { folder: evaluationFolder(project), split, pictures, seed },
    device: await deviceFor(device, results),
    cacheFolder: cacheFolder(),
    clipVocabulary,
    recognition,
    results,
    ...(workerFile && { workerFile }),
    ...(threads !== undefined && { threads }),
    signal,
  })
  try {
    await work(run, progress)
  } finally {
    progress.end()
    await run.release()
  }
}
