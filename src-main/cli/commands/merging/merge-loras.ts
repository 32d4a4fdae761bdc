import { resolve } from 'node:path'
import { Option, type Command } from 'commander'
import { z } from 'zod'
import { LORA_FORMATS, LORA_TYPES, type LoraFormat } from '../../../contract/adapter-files'
import {
  CORE_METHODS,
  FUSION_METHOD_NAMES,
  FUSION_METHODS,
  fusionSettingsSchema,
  usedSettings,
  type FusionSettings,
} from '../../../contract/adapter-fusion'
import { outputName } from '../../../contract/document/names/output-name'
import type { Project } from '../../../contract/document/project'
import { LORA_COMPONENTS } from '../../../engine/extract/lora-names'
import { fuseAdapters, fusedProject } from '../../../engine/adapter-fusion/fuse-adapters'
import { notesOnFusion, type Fusion } from '../../../engine/adapter-fusion/fusion'
import { openModel, planMerge } from '../../../engine/merge/open-model'
import { cacheFolder } from '../../folders'
import { parseModelArgument } from '../../options/model-arguments'
import { addWeightOptions, emaOption, loadProject, type ModelOptions } from '../../options/model-options'
import { count, number, part } from '../../options/option-values'
import { loraInWords } from '../../output/lora-output'
import { lines, ProgressLine, printResult, runCommand, say, UsageError, type CommonOptions } from '../../output/output'

type Weighed = Pick<
  ModelOptions,
  'base' | 'specialist' | 'strengths' | 'blockWeights' | 'layerWeights' | 'ema' | 'calibration'
>

interface MergeLorasOptions extends CommonOptions, Weighed, Partial<FusionSettings> {
  rank?: number
  energy?: number
  convRank?: number
  format: LoraFormat
  dtype: keyof typeof LORA_TYPES
  include?: string
  title?: string
  license?: string
  notes?: string
  out: string
  overwrite?: boolean
}

/** `featurefusion merge-loras`: several adapters as one LoRA. */
export function addMergeLorasCommand(program: Command): void {
  const command = program
    .command('merge-loras [project]')
    .description('merge adapters (LoRA and the like) into one LoRA: exactly, ranks adding up, or cut to a rank')
  addWeightOptions(command)
    .addOption(new Option('--method <name>', 'how to merge').choices(FUSION_METHOD_NAMES).default('sum'))
    .addOption(new Option('--inner <name>', 'what merges in Core Space (core-space)').choices(CORE_METHODS))
    .option('--density <number>', "part of every adapter's entries that TIES keeps (core-space)", number)
    .option('--calibration <file>', 'file with real inputs of the layers: featurefusion calibrate (ssr)')
    .option('--ridge <number>', "added to the diagonal of the inputs' Gram matrix (ssr)", number)
    .option(
      '--projection <s|hard>',
      "s / (1 + s) of the content is taken out of the style's directions; hard: all of it (np-lora)",
      (text: string) => (text === 'hard' ? null : number(text)),
    )
    .option('--rank <n>', 'rank of every layer (default: all ranks together, nothing is lost but rounding)', count)
    .option('--energy <part>', 'instead of a rank: the part of each layer to keep, 0 … 1; ranks follow from it', part)
    .option('--conv-rank <n>', 'rank of convolutions larger than 1 × 1, where it differs', count)
    .addOption(new Option('--format <naming>', 'names in the file').choices(LORA_FORMATS).default('kohya'))
    .addOption(
      new Option('--dtype <type>', 'element type of the factors').choices(Object.keys(LORA_TYPES)).default('fp16'),
    )
    .option(
      '--include <parts>',
      'parts to write, by commas: unet,text_encoder,text_encoder_2 (default: all; of a project, those that it merges)',
    )
    .addOption(emaOption())
    .option('--title <text>', "the LoRA's title, for its metadata")
    .option('--license <text>', "the LoRA's licence, for its metadata")
    .option('--notes <text>', 'a description, for its metadata')
    .requiredOption('--out <file>', 'the file to write; without an ending it gets .safetensors')
    .option('--overwrite', 'replace an adapter (LoRA …) at --out, or an empty file; nothing else is replaced')
    .option('--json', 'results as JSON')
    .action((path: string | undefined, options: MergeLorasOptions) =>
      runCommand(options, (signal) => run(path, options, signal)),
    )
}

async function run(path: string | undefined, options: MergeLorasOptions, signal: AbortSignal): Promise<void> {
  const started = performance.now()
  const { rank, energy, convRank, format, overwrite = false } = options
  if (rank !== undefined && energy !== undefined) throw new UsageError('Give --rank or --energy, not both.')
  const fusion = fusionSettings(options)
  const out = outputName(options.out, false)
  const given = await adapterProject(path, options)
  const project = fusedProject(given)
  const plan = await planMerge(project)
  for (const warning of plan.warnings) say(`Note: ${warning}`)
  const progress = new ProgressLine()
  try {
    const result = await fuseAdapters(plan, {
      path: out,
      overwrite,
      format,
      type: LORA_TYPES[options.dtype],
      fusion,
      kept: rank !== undefined ? { rank } : energy !== undefined ? { energy } : null,
      ...(convRank !== undefined && { convolutionsKept: { rank: convRank } }),
      cacheFolder: cacheFolder(),
      signal,
      onProgress: (fraction) => progress.show('merging', fraction),
    })
    progress.end()
    for (const note of notesOnFusion(given, project, result)) say(`Note: ${note}`)
    const data = { path: resolve(out), ...result, seconds: (performance.now() - started) / 1000 }
    printResult(options, data, () => inWords(data))
  } finally {
    progress.end()
  }
}

/** @throws UsageError for settings that the method does not use, or that are not valid */
function fusionSettings(options: MergeLorasOptions): FusionSettings {
  const { method = 'sum', inner, density, ridge, projection } = options
  const settings = { inner, density, ridge, projection }
  const given = Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined))
  const parsed = fusionSettingsSchema.safeParse({ method, ...given })
  if (!parsed.success) throw new UsageError(`These options are not valid: ${z.prettifyError(parsed.error)}`)
  const used = usedSettings(parsed.data)
  const unused = Object.keys(given).find((key) => !(key in used))
  if (unused !== undefined) throw new UsageError(`${FUSION_METHODS[method].title} does not use --${unused} here.`)
  if (options.calibration !== undefined && method !== 'ssr')
    throw new UsageError(`${FUSION_METHODS[method].title} does not use --calibration.`)
  return parsed.data
}

/** The project of a file, or of the options: of these every part is written that a LoRA can have. */
async function adapterProject(path: string | undefined, options: MergeLorasOptions): Promise<Project> {
  // Of these, loadProject knows others under the same names.
  const { dtype: _type, method: _method, density: _density, ridge: _ridge, projection: _projection, ...rest } = options
  const include = options.include ?? (path === undefined ? await partsOf(options.base) : undefined)
  return loadProject(path, {
    ...rest,
    ...(path === undefined && { method: 'task-arithmetic' as const }),
    ...(include !== undefined && { include }),
    transposed: [],
    groups: [],
  })
}

/** Undefined where there is no base: that is said when the project is made. */
async function partsOf(base: string | undefined): Promise<string | undefined> {
  if (base === undefined) return undefined
  const { components } = await openModel(parseModelArgument(base).path)
  return LORA_COMPONENTS.filter((name) => components.has(name)).join(',') || undefined
}

function inWords(result: Fusion & { path: string; seconds: number }): string {
  const { whole } = result
  return lines([
    ...loraInWords(result, 'what the adapters change together'),
    ...(whole.length > 0 ? [`Changes of biases and norms, whole: ${whole.length} tensors.`] : []),
  ])
}
