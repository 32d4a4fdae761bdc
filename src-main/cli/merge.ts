import type { Command } from 'commander'
import { sharesInWords, sharesOf, noiseWarnings } from '../engine/merge/verdict'
import { forecast } from '../engine/merge/forecast'
import { planMerge, settingsInUse, type MergePlan } from '../engine/merge/plan'
import { runMerge, type MergeOptions, type MergeResult } from '../engine/merge/run'
import { chooseProvider, DEVICES, type Device } from '../engine/runtime/providers'
import { Option } from 'commander'
import { cacheFolder } from './folders'
import { addModelOptions, addOutputOptions, count, loadProject, type ModelOptions } from './model-options'
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
} from './output'

interface MergeCommandOptions extends CommonOptions, ModelOptions {
  out?: string
  device: Device
  dryRun?: boolean
  overwrite?: boolean
  threads?: number
}

/** How many of the most changed layers are printed. */
const LAYERS_SHOWN = 5

/** Files of the built program that a merge needs. */
export type ProgramFiles = Required<Pick<MergeOptions, 'workerFile' | 'clipVocabulary'>>

/** `featurefusion merge`: merges a project, or models given by options. */
export function addMergeCommand(program: Command, files: ProgramFiles): void {
  const command = program
    .command('merge [project]')
    .description('merge a base and specialists into one checkpoint')
    .option('--out <path>', "file or folder to write (default: the project's)")
    .addOption(new Option('--device <name>', 'where matrix products run').choices(DEVICES).default('auto'))
    .option('--threads <n>', 'threads of sums and products; no byte depends on them', count)
    .option('--overwrite', 'replace what is at --out even if this program did not write it')
    .option('--dry-run', 'check and forecast only')
    .option('--json', 'results as JSON')
  addOutputOptions(addModelOptions(command))
  command.action((path: string | undefined, options: MergeCommandOptions) =>
    runCommand(options, async (signal) => {
      const { project, folder } = loadProject(path, options)
      const out = options.out ?? project.output.path
      if (out === undefined && !options.dryRun) throw new UsageError('Say where to write: --out PATH.')
      const plan = await planMerge(project, folder)
      const provider = await chooseProvider(options.device)
      if (options.dryRun) {
        const expected = await forecast(plan, provider)
        printResult(options, { forecast: expected, warnings: plan.warnings }, () =>
          [...planInWords(plan), forecastInWords(expected), ...plan.warnings].join('\n'),
        )
        return
      }
      const result = await mergeWithProgress(plan, out!, provider, files, signal, options)
      printResult(options, resultAsData(plan, result), () => resultInWords(plan, result))
    }),
  )
}

/** Runs a merge with a line of progress. */
export async function mergeWithProgress(
  plan: MergePlan,
  path: string,
  provider: Awaited<ReturnType<typeof chooseProvider>>,
  files: ProgramFiles,
  signal: AbortSignal,
  options: { threads?: number; overwrite?: boolean },
): Promise<MergeResult> {
  const progress = new ProgressLine()
  for (const warning of plan.warnings) say(`Note: ${warning}`)
  try {
    return await runMerge(plan, {
      path,
      provider,
      ...files,
      cacheFolder: cacheFolder(),
      signal,
      ...(options.threads !== undefined && { threads: options.threads }),
      ...(options.overwrite === true && { overwrite: true }),
      onProgress: (phase, fraction) => progress.show(phase, fraction),
    })
  } finally {
    progress.end()
  }
}

/** What a merge did, for machines. */
export function resultAsData(plan: MergePlan, result: MergeResult): unknown {
  const { shares } = sharesOf(plan, result.layers)
  return { ...result, shares, warnings: [...plan.warnings, ...noiseWarnings(result.layers)] }
}

/** What a merge did, for people. */
export function resultInWords(plan: MergePlan, result: MergeResult): string {
  const lines = [
    ...planInWords(plan),
    `Shares     ${sharesInWords(sharesOf(plan, result.layers))}`,
    `Written    ${result.path} (${bytes(result.bytes)}) in ${seconds(result.seconds)}`,
  ]
  if (result.layers.length > 0) lines.push('', layersInWords(result))
  if (result.overflowed.length > 0) {
    lines.push(
      '',
      `Warning: values became infinite in ${result.overflowed.length} tensors: ${result.overflowed.join(', ')}.`,
    )
    lines.push('They are too large for half precision. Merge with --dtype bf16 or fp32.')
  }
  for (const warning of noiseWarnings(result.layers)) lines.push('', `Warning: ${warning}`)
  return lines.join('\n')
}

function planInWords(plan: MergePlan): string[] {
  const { method, models, components, base, tasks } = plan
  const layers = tasks.filter(({ kind }) => kind === 'layer').length
  const settings = Object.entries(settingsInUse(plan)).map(([key, value]) => `${key} ${String(value)}`)
  return [
    `Base       ${models[0]!.entry.name}: ${base.architecture}, ${base.layout}`,
    `Merging    ${components.join(', ')} with ${models
      .slice(1)
      .map(({ entry }) => entry.name)
      .join(', ')}`,
    `Method     ${method.title}${settings.length > 0 ? ` (${settings.join(', ')})` : ''}`,
    `Tensors    ${tasks.length}${layers > 0 ? `, of which ${layers} layers by correlations` : ''}`,
  ]
}

function layersInWords({ layers }: MergeResult): string {
  const mean = (pick: (layer: MergeResult['layers'][number]) => number): number =>
    layers.reduce((sum, layer) => sum + pick(layer), 0) / layers.length
  const thresholds = [...new Set(layers.map(({ threshold }) => threshold.toFixed(2)))].join(', ')
  const worst = [...layers].sort((a, b) => b.maxKappa - a.maxKappa).slice(0, LAYERS_SHOWN)
  return [
    `${layers.length} layers: thresholds ${thresholds}; condition numbers ${mean(({ meanKappa }) => meanKappa).toFixed(3)} on ` +
      `average; merged length ${mean(({ normRatio }) => normRatio).toFixed(4)} of the base's`,
    'Highest condition numbers:',
    table([
      ['layer', 'max κ', 'mean κ', 'min Z', 'length'],
      ...worst.map(({ layer, maxKappa, meanKappa, minZ, normRatio }) => [
        layer,
        maxKappa.toPrecision(4),
        meanKappa.toPrecision(4),
        minZ.toPrecision(4),
        normRatio.toFixed(4),
      ]),
    ]),
  ].join('\n')
}

function forecastInWords(expected: Awaited<ReturnType<typeof forecast>>): string {
  return (
    `Forecast   about ${seconds(expected.seconds)}, ${bytes(expected.memoryBytes)} of memory, ` +
    `${bytes(expected.outputBytes)} on disk (${(expected.flops / 1e12).toPrecision(3)} TFLOP of products)`
  )
}
