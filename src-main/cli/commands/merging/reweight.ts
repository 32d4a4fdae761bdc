import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Command } from 'commander'
import { withModel, type ModelEntry, type Project } from '../../../contract/document/project'
import type { UnlearningLosses } from '../../../contract/unlearning'
import { loadPipeline } from '../../../engine/diffusion/load-pipeline'
import { checkpointModel } from '../../../engine/evaluate/losses/evaluated-model'
import { readEvaluationSet, type EvaluationSet } from '../../../engine/evaluate/data/evaluation-set'
import { chooseSplit } from '../../../engine/evaluate/data/splits'
import { measureLosses } from '../../../engine/evaluate/losses/loss-table'
import { unlearningLossesOf } from '../../../engine/evaluate/losses/unlearned-gains'
import { contributionsOf } from '../../../engine/merge/contributions/plan-contributions'
import { rebuildingContributions } from '../../../engine/merge/contributions/kept-contributions'
import { openModel } from '../../../engine/merge/open-model'
import type { MergePlan } from '../../../engine/merge/plan/merge-plan'
import { runMerge } from '../../../engine/merge/run'
import { unlearningReport, type UnlearningReport } from '../../../engine/merge/unlearning-report'
import { chooseProvider } from '../../../engine/runtime/providers'
import type { Provider } from '../../../engine/runtime/session'
import { unlearnedInWords } from '../../output/evaluate-output'
import { cacheFolder } from '../../folders'
import {
  addMergeOptions,
  mergeWithProgress,
  checkOut,
  outOf,
  resultAsData,
  resultInWords,
  withinCacheLimit,
  type MergeCommandOptions,
  type ProgramFiles,
} from './merge'
import { loadProject, parseNumber } from '../../options/model-options'
import { collect } from '../../options/option-values'
import { ProgressLine, printResult, runCommand, signed, table, UsageError } from '../../output/output'
import { planWithProgress } from '../../output/plan-progress'

/** How many of the most changed tensors are printed. */
const TENSORS_SHOWN = 5

interface UnlearnOptions extends MergeCommandOptions {
  report: boolean
  evaluation?: string
  pipeline?: string
}

/** `featurefusion reweight`: the same merge with other weights, from contributions at hand. */
export function addReweightCommand(program: Command, files: ProgramFiles): void {
  const command = program
    .command('reweight [project]')
    .description('merge again with other weights, from kept contributions of the models')
    .option('--weight <name=number>', "a model's new weight; brings back one that was dropped", collect, [])
  addMergeOptions(command)
  command.action((path: string | undefined, options: MergeCommandOptions & { weight: string[] }) =>
    runCommand(options, async (signal) => {
      const given = await loadProject(path, options)
      if (options.weight.length === 0) throw new UsageError('Give at least one new weight: --weight NAME=NUMBER.')
      const project = options.weight.reduce((changed, text) => reweigh(changed, text), reused(given))
      checkOut(project, options)
      const plan = await planWithProgress(project, signal)
      const provider = await chooseProvider(options.device)
      const result = await withinCacheLimit(options, () =>
        mergeWithProgress(plan, outOf(plan, options), provider, files, signal, options),
      )
      printResult(options, resultAsData(plan, result), () => resultInWords(plan, result))
    }),
  )
}

/** `featurefusion unlearn`: the merge that would have been made without a specialist, and what that takes out. */
export function addUnlearnCommand(program: Command, files: ProgramFiles): void {
  const command = program
    .command('unlearn')
    .usage('PROJECT NAME | NAME --base PATH --specialist … [options]')
    .description('merge without a specialist, and report what this changes')
    .argument('<project>', 'the project, or the name where the models are given by options')
    .argument('[name]', 'the specialist')
    .option('--no-report', 'do not measure what changes')
    .option('--evaluation <folder>', 'an evaluation set: denoising losses before and after')
    .option('--pipeline <path>', 'a pipeline that lends the evaluation the parts that the base lacks')
  addMergeOptions(command)
  command.action((first: string, second: string | undefined, options: UnlearnOptions) =>
    runCommand(options, async (signal) => {
      const given = await loadProject(second === undefined ? undefined : first, options)
      await unlearn(given, second ?? first, options, files, signal)
    }),
  )
}

async function unlearn(
  given: Project,
  name: string,
  options: UnlearnOptions,
  files: ProgramFiles,
  signal: AbortSignal,
): Promise<void> {
  if (given.models[0]?.name === name) throw new UsageError(`${name} is the base, which cannot be dropped.`)
  const project = reused(given)
  checkOut(project, options)
  // Before anything is written: a mistyped folder costs no merge.
  const set = options.evaluation === undefined ? null : await readEvaluationSet(options.evaluation)
  const before = await planWithProgress(change(project, name, { enabled: true }), signal)
  const after = await planWithProgress(change(project, name, { enabled: false }), signal)
  const provider = await chooseProvider(options.device)
  const progress = new ProgressLine()
  try {
    await withinCacheLimit(options, async () => {
      const result = await mergeWithProgress(after, outOf(after, options), provider, files, signal, options)
      const work: Work = { options, files, provider, signal, progress }
      const report = options.report ? await measure(before, after, work) : null
      const losses = set && (await evaluate(before, result.path, name, set, work))
      printResult(options, { ...(resultAsData(after, result) as object), unlearned: name, report, losses }, () =>
        [
          resultInWords(after, result),
          ...(report ? ['', ...reportInWords(name, report)] : []),
          ...(losses ? ['', ...lossesInWords(losses)] : []),
        ].join('\n'),
      )
    })
  } finally {
    progress.end()
  }
}

interface Work {
  options: UnlearnOptions
  files: ProgramFiles
  provider: Provider
  signal: AbortSignal
  progress: ProgressLine
}

async function measure(before: MergePlan, after: MergePlan, work: Work): Promise<UnlearningReport | null> {
  const { provider, signal, progress, files, options } = work
  const threads = options.threads === undefined ? {} : { threads: options.threads }
  const onProgress = (phase: string) => (fraction: number) => progress.show(phase, fraction)
  const { workerFile } = files
  return rebuildingContributions(async () => {
    const contributions = await contributionsOf(before, {
      ...threads,
      cacheFolder: cacheFolder(),
      provider,
      workerFile,
      signal,
      onProgress: onProgress('computing contributions'),
    })
    return unlearningReport(before, after, contributions, {
      ...threads,
      workerFile,
      signal,
      onProgress: onProgress('measuring the change'),
    })
  })
}

/** Losses of the base, of the merge with the model (made for this, thrown away), and of the one that was written. */
async function evaluate(
  before: MergePlan,
  after: string,
  name: string,
  set: EvaluationSet,
  work: Work,
): Promise<UnlearningLosses> {
  const { options, files, provider, signal, progress } = work
  const scratch = await mkdtemp(join(tmpdir(), 'featurefusion-unlearn-'))
  try {
    const base = before.models[0]!.checkpoint
    const lent = {
      ...(options.pipeline !== undefined && { base: await openModel(options.pipeline) }),
      clipVocabulary: files.clipVocabulary,
    }
    const { path } = await runMerge(before, {
      path: join(scratch, 'before'),
      provider,
      ...files,
      cacheFolder: cacheFolder(),
      signal,
      onProgress: (_, fraction) => progress.show('merging as it was', fraction),
    })
    const pipeline = await loadPipeline(base, { ...lent, device: provider, liveUnet: true })
    // A merge of the UNet alone borrows the rest from the base.
    const borrowed = { base, ...lent }
    try {
      const models = [
        checkpointModel('base', 'base', base, borrowed),
        checkpointModel('before', 'merge', await openModel(path), borrowed),
        checkpointModel('after', 'merge', await openModel(after), borrowed),
      ]
      const table = await measureLosses(pipeline, set, models, chooseSplit(set, 'held-out'), {
        signal,
        onProgress: (model, fraction) => progress.show(`measuring ${model}`, fraction),
      })
      return unlearningLossesOf(table, name)
    } finally {
      await pipeline.release()
    }
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

function reused(project: Project): Project {
  return { ...project, method: { ...project.method, reuse: true } }
}

/** `NAME=NUMBER`. */
function reweigh(project: Project, text: string): Project {
  const separator = text.lastIndexOf('=')
  if (separator < 0) throw new UsageError(`--weight ${text}: NAME=NUMBER expected.`)
  return change(project, text.slice(0, separator), {
    weight: parseNumber(text.slice(separator + 1), `--weight ${text}`),
    enabled: true,
  })
}

/** @throws UsageError for a name that the project does not have */
function change(project: Project, name: string, to: Partial<ModelEntry>): Project {
  const names = project.models.map((model) => model.name)
  if (!names.includes(name))
    throw new UsageError(`There is no model named ${name}.`, `The models are ${names.join(', ')}.`)
  return withModel(project, name, to)
}

function reportInWords(name: string, { tensors, blocks, total }: UnlearningReport): string[] {
  const percent = (value: number): string => `${(100 * value).toFixed(3)} %`
  const most = [...tensors].sort((a, b) => b.relative - a.relative).slice(0, TENSORS_SHOWN)
  return [
    `Without ${name} the merged weights change by ${percent(total.relative)} of their norm. By blocks:`,
    table([['block', 'change'], ...blocks.map(({ block, relative }) => [block, percent(relative)])]),
    'Most changed:',
    table([['tensor', 'change'], ...most.map(({ tensor, relative }) => [tensor, percent(relative)])]),
  ]
}

function lossesInWords({ domains, gain }: UnlearningLosses): string[] {
  const cell = (value: number): string => value.toFixed(4)
  return [
    'Denoising loss on held-out pictures (lower is better):',
    table([
      ['domain', 'base', 'before', 'after', 'change'],
      ...domains.map(({ domain, base, before, after }) => {
        return [domain, cell(base), cell(before), cell(after), `${signed(100 * (after / before - 1), 1)} %`]
      }),
    ]),
    '',
    ...unlearnedInWords([gain]),
  ]
}
