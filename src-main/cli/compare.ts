import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { Option, type Command } from 'commander'
import { SEARCH_STRATEGIES, SPLITS, type LeaderboardEntry, type SearchStrategy, type Split } from '../contract/evaluate'
import type { Project } from '../contract/project'
import { compareRows, comparedRows, measureRows } from '../engine/evaluate/compare-methods'
import { EvaluationRun } from '../engine/evaluate/evaluation-run'
import { searchMerge } from '../engine/evaluate/search-merge'
import { chooseDevice, DEVICES, type Device } from '../engine/runtime/providers'
import { cacheFolder } from './folders'
import type { ProgramFiles } from './merge'
import { addModelOptions, count, loadProject, number, type ModelOptions } from './model-options'
import { ProgressLine, printResult, runCommand, say, seconds, table, UsageError, type CommonOptions } from './output'

interface DataOptions extends ModelOptions, CommonOptions {
  data: string
  split: Split
  pictures?: number
  device: Device
  threads?: number
}

/** `featurefusion compare`: every method on the same models and pictures, as a leaderboard. */
export function addCompareCommand(program: Command, files: ProgramFiles): void {
  const command = program
    .command('compare [project]')
    .description('merge the models by every method and measure each: a leaderboard by denoising loss')
    .option('--csv <file>', 'write the leaderboard as CSV')
  addDataOptions(command)
  command.action((path: string | undefined, options: DataOptions & { csv?: string }) =>
    runCommand(options, async (signal) => {
      const started = performance.now()
      const project = absolute(path, options)
      await withRun(project, options, files, signal, async (run, progress) => {
        const failed: { name: string; message: string }[] = []
        const measured = await measureRows(run, comparedRows(project), {
          onProgress: (phase, fraction) => progress.show(phase, fraction),
          onFailed: (name, { message }) => failed.push({ name, message }),
        })
        const { summary, leaderboard, verdict } = compareRows(run, measured)
        progress.end()
        for (const { name, message } of failed) say(`${name}: ${message}`)
        if (options.csv !== undefined) await writeFile(options.csv, leaderboardAsCsv(leaderboard))
        const took = (performance.now() - started) / 1000
        printResult(options, { verdict, leaderboard, failed, summary, seconds: took }, () =>
          [table(leaderboardRows(leaderboard)), '', verdict, `Done in ${seconds(took)}.`].join('\n'),
        )
      })
    }),
  )
}

/** `featurefusion search`: weights chosen on one half of the pictures, and what they are worth on the other. */
export function addSearchCommand(program: Command, files: ProgramFiles): void {
  const command = program
    .command('search [project]')
    .description('find weights for a merge on held-out pictures; Ctrl C ends it with the best so far')
    .addOption(new Option('--strategy <name>', 'how to search').choices(SEARCH_STRATEGIES).default('cma-es'))
    .option('--trials <n>', 'weights that CMA-ES tries', count, 100)
    .option('--per-block', 'a weight for every block (CMA-ES)')
  addDataOptions(command)
  interface Options extends DataOptions {
    strategy: SearchStrategy
    trials: number
    perBlock?: boolean
  }
  command.action((path: string | undefined, options: Options) =>
    runCommand(options, async (signal) => {
      const project = absolute(path, options)
      if (options.trials < 2) throw new UsageError('--trials: at least 2.')
      await withRun(project, options, files, undefined, async (run, progress) => {
        const { strategy, trials, perBlock = false, seed = 0 } = options
        const found = await searchMerge(
          run,
          project,
          { strategy, trials, perBlock, seed },
          { onProgress: (phase, fraction) => progress.show(phase, fraction) },
          signal,
        )
        progress.end()
        printResult(options, found, () =>
          [
            table([['model', 'weight'], ...found.best.models.map(({ name, weight }) => [name, weight.toFixed(4)])]),
            '',
            `Loss ${found.best.score.toFixed(5)} on the pictures that chose them, of ${found.trials} trials.`,
            found.check
              ? `On pictures that the search never saw: ${found.check.best.toFixed(5)}; where it began: ${found.check.start.toFixed(5)}.`
              : 'It was stopped: the weights are not checked on other pictures.',
          ].join('\n'),
        )
      })
    }),
  )
}

function addDataOptions(command: Command): void {
  addModelOptions(command)
    .requiredOption('--data <dir>', 'pictures with captions, sub-folders are domains; or a folder with evaluation.json')
    .addOption(new Option('--split <name>', 'which pictures').choices(SPLITS).default('held-out'))
    .option('--pictures <n>', 'at most so many pictures of each domain', count)
    .addOption(new Option('--device <name>', 'where networks run').choices(DEVICES).default('auto'))
    .option('--threads <n>', 'threads inside an operator', number)
    .option('--json', 'results as JSON')
}

/** The project of the command line; its paths are absolute. */
function absolute(path: string | undefined, options: DataOptions): Project {
  const { project, folder } = loadProject(path, options)
  const { calibration } = project.method
  return {
    ...project,
    models: project.models.map((model) => ({ ...model, path: resolve(folder, model.path) })),
    method: { ...project.method, ...(calibration !== undefined && { calibration: resolve(folder, calibration) }) },
  }
}

async function withRun(
  project: Project,
  { data, split, pictures, seed, device, threads }: DataOptions,
  files: ProgramFiles,
  signal: AbortSignal | undefined,
  work: (run: EvaluationRun, progress: ProgressLine) => Promise<void>,
): Promise<void> {
  const progress = new ProgressLine()
  const { workerFile, clipVocabulary } = files
  const run = await EvaluationRun.open({
    base: project.models[0]!.path,
    data: { folder: resolve(data), split, pictures: pictures ?? null, seed: seed ?? 0 },
    device: await chooseDevice(device),
    cacheFolder: cacheFolder(),
    clipVocabulary,
    ...(workerFile && { workerFile }),
    ...(threads !== undefined && { threads }),
    ...(signal && { signal }),
  })
  try {
    await work(run, progress)
  } finally {
    progress.end()
    await run.release()
  }
}

function leaderboardRows(board: readonly LeaderboardEntry[]): string[][] {
  const relative = (difference: LeaderboardEntry['againstBase']): string => {
    if (!difference) return ''
    const error =
      difference.mean === 0 ? 0 : Math.abs((difference.standardError * difference.relative) / difference.mean)
    const change = 100 * difference.relative
    return `${change < 0 ? '−' : '+'}${Math.abs(change).toFixed(2)} ± ${(100 * error).toFixed(2)} %`
  }
  return [
    ['', 'loss', 'against the base', 'against the average', 'keeps of gains', 'made in'],
    ...board.map(({ name, role, loss, againstBase, againstSoup, keptPercent, seconds: cost }) => [
      role === 'merge' ? name : `${name} (${role})`,
      loss.toFixed(4),
      relative(againstBase),
      relative(againstSoup),
      keptPercent === null ? '' : `${Math.round(keptPercent)} %`.replace('-', '−'),
      cost === null ? '' : seconds(cost),
    ]),
  ]
}

function leaderboardAsCsv(board: readonly LeaderboardEntry[]): string {
  const header = [
    'name',
    'role',
    'loss',
    'base-difference',
    'base-error',
    'average-difference',
    'average-error',
    'kept-percent',
    'seconds',
  ]
  const rows = board.map(({ name, role, loss, againstBase, againstSoup, keptPercent, seconds: cost }) => [
    `"${name.replaceAll('"', '""')}"`,
    role,
    loss,
    againstBase?.mean ?? '',
    againstBase?.standardError ?? '',
    againstSoup?.mean ?? '',
    againstSoup?.standardError ?? '',
    keptPercent ?? '',
    cost ?? '',
  ])
  return [header, ...rows].map((cells) => cells.join(',') + '\r\n').join('')
}
