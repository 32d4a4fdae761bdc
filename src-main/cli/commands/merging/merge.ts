import { Option, type Command } from 'commander'
import { figure } from '../../../contract/values/figures'
import { outputName, refusePickleEnding } from '../../../contract/document/names/output-name'
import { reweightingOf, type MethodKind } from '../../../contract/methods/descriptor'
import type { Project } from '../../../contract/document/project'
import { trimContributions } from '../../../engine/merge/contributions/cache-space'
import { forecastContributions, type ContributionForecast } from '../../../engine/merge/contributions/contributions'
import { sharesInWords, sharesOf, warningsOf } from '../../../engine/merge/verdict'
import { forecast, type Forecast } from '../../../engine/merge/forecast'
import { settingsInUse, type MergePlan } from '../../../engine/merge/plan/merge-plan'
import { PHASE_WORDS, runMerge, type MergeOptions, type MergeResult } from '../../../engine/merge/run'
import { chooseProvider, DEVICES, type Device } from '../../../engine/runtime/providers'
import type { Provider } from '../../../engine/runtime/session'
import { cacheFolder } from '../../folders'
import { addModelOptions, addOutputOptions, loadProject, type ModelOptions } from '../../options/model-options'
import { number, threads } from '../../options/option-values'
import {
  bytes,
  ProgressLine,
  printResult,
  runCommand,
  say,
  seconds,
  table,
  UsageError,
  type CommonOptions,
} from '../../output/output'
import { planWithProgress } from '../../output/plan-progress'

/** Options of every command that writes a merge. */
export interface MergeCommandOptions extends CommonOptions, ModelOptions {
  out?: string
  device: Device
  overwrite?: boolean
  restart?: boolean
  threads?: number
  /** Of contributions, in GB. */
  cacheLimit: number
}

/** What `--cache-limit` says where nobody says otherwise, in GB. */
const CACHE_LIMIT = 20

/** How many of the most changed layers are printed. */
const LAYERS_SHOWN = 5

/** Files of the built program that a merge needs. */
export type ProgramFiles = Required<Pick<MergeOptions, 'workerFile' | 'clipVocabulary'>>

/** `featurefusion merge`: merges a project, or models given by options. */
export function addMergeCommand(program: Command, files: ProgramFiles): void {
  const command = program
    .command('merge [project]')
    .description('merge a base and specialists into one checkpoint')
    .option(
      '--reuse',
      'keep the contributions of every model on disk, and use those that are there: a merge with other weights is then only a sum',
    )
    .option('--dry-run', 'check and forecast only')
  addMergeOptions(command)
  command.action((path: string | undefined, options: MergeCommandOptions & { dryRun?: boolean }) =>
    runCommand(options, async (signal) => {
      const project = await loadProject(path, options)
      if (!options.dryRun) checkOut(project, options)
      const plan = await planWithProgress(project, signal)
      const provider = await chooseProvider(options.device)
      if (options.dryRun) {
        const contributions = await forecastContributions(plan, { cacheFolder: cacheFolder(), provider })
        const expected = { ...(await forecast(plan, provider, contributions)), contributions }
        printResult(options, { forecast: expected, warnings: plan.warnings }, () =>
          [...planInWords(plan), ...forecastInWords(expected), ...plan.warnings].join('\n'),
        )
        return
      }
      const result = await withinCacheLimit(options, () =>
        mergeWithProgress(plan, outOf(plan, options), provider, files, signal, options),
      )
      printResult(options, resultAsData(plan, result), () => resultInWords(plan, result))
    }),
  )
}

/** Adds the options of every command that writes a merge. */
export function addMergeOptions(command: Command): Command {
  command
    .option('--out <path>', "file or folder to write (default: the project's)")
    .addOption(new Option('--device <name>', 'where matrix products run').choices(DEVICES).default('auto'))
    .option('--threads <n>', 'threads of sums and products; the result does not depend on them', threads)
    .option(
      '--overwrite',
      'replace a safetensors file or an empty folder at --out that this program did not write; nothing else is replaced',
    )
    .option(
      '--restart',
      'begin anew where an earlier export to --out was cancelled or killed, instead of continuing it',
    )
    .option('--cache-limit <gb>', 'disk space that kept contributions may use', number, CACHE_LIMIT)
    .option('--json', 'results as JSON')
  return addOutputOptions(addModelOptions(command))
}

/** Sees before any work that it is said where the merge goes, under a name that a merge can have. */
export function checkOut({ output }: Pick<Project, 'output'>, { out }: Pick<MergeCommandOptions, 'out'>): void {
  const path = out ?? output.path
  if (path === undefined) throw new UsageError('Name the output: --out PATH.')
  refusePickleEnding(path)
}

/** Where a merge goes: a single file always ends in .safetensors. */
export function outOf(
  { project, output }: Pick<MergePlan, 'project' | 'output'>,
  { out }: Pick<MergeCommandOptions, 'out'>,
): string {
  return outputName(out ?? project.output.path!, output.folder)
}

/** Afterwards contributions go until the rest fits, those first that were not used for longest; none of this task's. */
export async function withinCacheLimit<Result>(
  { cacheLimit }: Pick<MergeCommandOptions, 'cacheLimit'>,
  task: () => Promise<Result>,
): Promise<Result> {
  const started = Date.now()
  const result = await task()
  await trimContributions(cacheFolder(), cacheLimit * 1e9, started).catch((error: unknown) => {
    say(`Note: the contributions in ${cacheFolder()} could not be trimmed: ${String(error)}`)
  })
  return result
}

/** Runs a merge with a line of progress. */
export async function mergeWithProgress(
  plan: MergePlan,
  path: string,
  provider: Provider,
  files: ProgramFiles,
  signal: AbortSignal,
  options: { threads?: number; overwrite?: boolean; restart?: boolean },
): Promise<MergeResult> {
  const progress = new ProgressLine()
  for (const warning of plan.warnings) say(`Note: ${warning}`)
  const { method, project } = plan
  if (project.method.reuse && reweightingOf(method) === 'merge')
    say(`Note: ${method.title} is not a linear combination of the models: the whole merge runs again.`)
  try {
    return await runMerge(plan, {
      path,
      provider,
      ...files,
      cacheFolder: cacheFolder(),
      signal,
      ...(options.threads !== undefined && { threads: options.threads }),
      ...(options.overwrite === true && { overwrite: true }),
      resume: { restart: options.restart === true },
      onResume: say,
      onProgress: (phase, fraction) => progress.show(PHASE_WORDS[phase], fraction),
    })
  } finally {
    progress.end()
  }
}

/** What a merge did, for machines. */
export function resultAsData(plan: MergePlan, result: MergeResult): unknown {
  const { shares } = sharesOf(plan, result.layers)
  return { ...result, shares, warnings: [...plan.warnings, ...warningsOf(result, plan)] }
}

/** What a merge did, for people. */
export function resultInWords(plan: MergePlan, result: MergeResult): string {
  const lines = [
    ...planInWords(plan),
    `Shares     ${sharesInWords(sharesOf(plan, result.layers))}`,
    `Written    ${result.path} (${bytes(result.bytes)}) in ${seconds(result.seconds)}`,
  ]
  if (result.layers.length > 0) lines.push('', layersInWords(result))
  if (result.regressions.length > 0) lines.push(regressionsInWords(result))
  if (result.overflowed.length > 0) {
    lines.push(
      '',
      `Warning: values in ${result.overflowed.length} tensors are too large for their type, and became infinite, or ±448 in fp8: ${result.overflowed.join(', ')}.`,
    )
    lines.push('Merge with --dtype bf16, fp32 or fp8-scaled.')
  }
  for (const warning of warningsOf(result, plan)) lines.push('', `Warning: ${warning}`)
  return lines.join('\n')
}

/** How layers are merged that are matrices, where not by correlations. */
const LAYERS_BY: Readonly<Partial<Record<MethodKind, string>>> = {
  regression: 'regression',
  sequential: 'regression',
  matrix: 'directions',
}

/** A search of gains finds one for each of many layers. */
const MOST_PATTERNS_SHOWN = 5

function planInWords(plan: MergePlan): string[] {
  const { method, models, components, base, tasks } = plan
  const layers = tasks.filter(({ kind }) => kind === 'layer').length
  const settings = Object.entries(settingsInUse(plan)).map(([key, value]) => `${key} ${settingInWords(value)}`)
  return [
    `Base       ${models[0]!.entry.name}: ${base.architecture}, ${base.layout}`,
    `Merging    ${components.join(', ')} with ${models
      .slice(1)
      .map(({ entry }) => entry.name)
      .join(', ')}`,
    `Method     ${method.title}${settings.length > 0 ? ` (${settings.join(', ')})` : ''}`,
    `Tensors    ${tasks.length}${layers > 0 ? `, of which ${layers} layers by ${LAYERS_BY[method.kind] ?? 'correlations'}` : ''}`,
  ]
}

function settingInWords(value: unknown): string {
  if (Array.isArray(value)) {
    const patterns = (value as { pattern: string }[]).map(({ pattern }) => pattern)
    return patterns.length > MOST_PATTERNS_SHOWN ? `of ${patterns.length} layers` : patterns.join(' ')
  }
  return typeof value === 'number' ? figure(value) : String(value)
}

function regressionsInWords({ regressions }: MergeResult): string {
  const fitted = regressions.filter(({ columns }) => columns > 0)
  const left = fitted.reduce((sum, { remaining }) => sum + remaining, 0) / Math.max(1, fitted.length)
  return (
    `Fitted     ${fitted.length} layers to real inputs: on these, features are off by ${Math.round(left * 100)} % of what ` +
    `the plain mean is off (mean square)`
  )
}

function layersInWords({ layers }: MergeResult): string {
  const mean = (pick: (layer: MergeResult['layers'][number]) => number): number =>
    layers.reduce((sum, layer) => sum + pick(layer), 0) / layers.length
  const thresholds = [
    ...new Set(layers.map(({ threshold }) => (threshold > 1 ? 'none (averaged)' : threshold.toFixed(2)))),
  ].join(', ')
  const worst = [...layers].sort((a, b) => b.maxKappa - a.maxKappa).slice(0, LAYERS_SHOWN)
  return [
    `${layers.length} layers: thresholds ${thresholds}; condition numbers ${mean(({ meanKappa }) => meanKappa).toFixed(3)} on ` +
      `average; merged length ${mean(({ normRatio }) => normRatio).toFixed(4)} of the base's`,
    'Highest condition numbers:',
    table([
      ['layer', 'max κ', 'mean κ', 'min Z', 'length'],
      ...worst.map(({ layer, maxKappa, meanKappa, minZ, normRatio }) => [
        layer,
        figure(maxKappa, 4),
        figure(meanKappa, 4),
        figure(minZ, 4),
        normRatio.toFixed(4),
      ]),
    ]),
  ].join('\n')
}

function forecastInWords(expected: Forecast & { contributions: ContributionForecast }): string[] {
  const { bytes: kept, missingBytes } = expected.contributions
  const there = missingBytes === 0 ? 'all there already' : `${bytes(kept - missingBytes)} of it there already`
  return [
    `Forecast   about ${seconds(expected.seconds)}, ${bytes(expected.memoryBytes)} of memory, ` +
      `${bytes(expected.outputBytes)} on disk (${figure(expected.flops / 1e12, 3)} TFLOP of products)`,
    ...(expected.temporaryBytes > 0
      ? [`Meanwhile  ${bytes(expected.temporaryBytes)} in ${cacheFolder()}, removed in the end`]
      : []),
    ...(kept > 0 ? [`Kept       about ${bytes(kept)} of contributions in ${cacheFolder()}, ${there}`] : []),
  ]
}
