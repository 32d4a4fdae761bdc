import { resolve } from 'node:path'
import { Option, type Command } from 'commander'
import { z } from 'zod'
import { blockLabel } from '../../contract/document/blocks/block-labels'
import { presetFor, presetNamed } from '../../contract/document/blocks/block-presets'
import {
  OUTPUT_LAYOUTS,
  OUTPUT_TYPES,
  PREDICTION_TYPES,
  projectSchema,
  type AdapterStrengths,
  type ModelEntry,
  type Project,
  EMA_USES,
} from '../../contract/document/project'
import { Blocks } from '../../engine/merge/plan/blocks'
import { readProject } from '../../project/project-file'
import { addMethodOptions, checkMethodOptions, methodGiven, type MethodOptions } from './method-options'
import { parseModelArgument, withNames } from './model-arguments'
import { collect, size } from './option-values'
import { toErrorReport } from '../../contract/errors'
import { say, UsageError } from '../output/output'
import { openModel } from '../../engine/merge/open-model'

/** What options say about the models themselves. */
export interface SourceOptions {
  base?: string
  specialist: string[]
  strengths: string[]
}

/** What the options of `merge`, `inspect` and the like say about models, method and output. */
export interface ModelOptions extends SourceOptions, MethodOptions {
  blockWeights: string[]
  layerWeights: string[]
  transposed: string[]
  groups: string[]
  layout?: string
  shardSize?: number
  dtype?: string
  include?: string
  vae?: string
  title?: string
  author?: string
  license?: string
  notes?: string
  prediction?: string
  ema?: string
  reuse?: boolean
  align?: boolean
  calibration?: string
}

/** Adds the options that choose models. */
export function addSourceOptions(command: Command): Command {
  return command
    .option('--base <path[@weight]>', 'the base model')
    .option('--specialist <[name=]path[@weight]>', 'a specialist, or an adapter (LoRA …); once for each', collect, [])
    .option(
      '--strengths <name=unet[,text]>',
      'how strongly an adapter changes the UNet and the text encoders (default: 1; one number is for both)',
      collect,
      [],
    )
}

/** Adds the options that choose models and weigh them. */
export function addWeightOptions(command: Command): Command {
  return addSourceOptions(command)
    .option(
      '--block-weights <name=numbers>',
      "a model's weights by block: BLOCK:WEIGHT,…, a number for every block (26 for SD 1 and 2, 20 for SDXL; one less without BASE), or the name of a preset of the field: GRAD_V, WRAP08, RING08_SOFT …",
      collect,
      [],
    )
    .option(
      '--layer-weights <name=pattern:weight>',
      'a weight for the layers that match a pattern: whole parts of the name between dots; * matches anything',
      collect,
      [],
    )
}

/** Adds the options that choose models, weights and method. */
export function addModelOptions(command: Command): Command {
  addWeightOptions(command)
  addMethodOptions(command)
  return command
    .option(
      '--calibration <file>',
      'file with real inputs of the layers (featurefusion calibrate), for methods and statistics that need it',
    )
    .option(
      '--align',
      "put the hidden units of every specialist into the order of the base's before they are merged (git re-basin)",
    )
    .option('--transposed <pattern>', 'layers that are transposed convolutions (files do not say so)', collect, [])
    .option('--groups <pattern=n>', 'layers that are convolutions in n groups (files do not say so)', collect, [])
    .addOption(predictionOption())
    .addOption(emaOption())
    .option(
      '--include <parts>',
      'parts to merge, by commas: unet,text_encoder,text_encoder_2,vae (default: unet; the others stay as in the base)',
    )
}

/** For models whose files do not say what they predict, or say it wrongly. */
export function predictionOption(): Option {
  const option = new Option('--prediction <type>', "what the models' UNets predict (default: what their files say)")
  return option.choices(PREDICTION_TYPES)
}

/** For models whose files have EMA copies of their weights. */
export function emaOption(): Option {
  const option = new Option('--ema <choice>', "EMA copies in the models' files: in place of the UNet's weights, or not")
  return option.choices(EMA_USES).default(undefined, 'drop')
}

/** Adds the options of what is written. */
export function addOutputOptions(command: Command): Command {
  return command
    .addOption(new Option('--layout <kind>', 'layout of the output').choices(OUTPUT_LAYOUTS))
    .option(
      '--shard-size <size>',
      "divide weights files of a folder that are larger into shards with an index: 10GB is diffusers' own limit (default: no limit)",
      size,
    )
    .addOption(
      new Option(
        '--dtype <type>',
        "element type of the output; fp8 (float8_e4m3fn): the UNet's matrices alone, fp8-scaled: those of its linear layers, with ComfyUI's scales",
      ).choices(OUTPUT_TYPES),
    )
    .option('--vae <path>', "a VAE to bake in: in place of the base's, or for a base that has none")
    .option('--title <text>', "the merged model's title, for its metadata")
    .option('--author <text>', 'who made it, for its metadata')
    .option('--license <text>', "the merged model's licence, for its metadata")
    .option('--notes <text>', 'a description, for its metadata')
}

/**
 * The project that a file or the options describe, with absolute paths; options win over the file.
 * @param isMeasured whether seeds count whatever the method is
 * @throws UsageError, FusionError 'not-found', 'malformed', and what opening the base throws where numbers are given for
 * its blocks
 */
export async function loadProject(
  path: string | undefined,
  options: ModelOptions,
  isMeasured = false,
): Promise<Project> {
  if (path !== undefined && (options.base !== undefined || options.specialist.length > 0))
    throw new UsageError('Give either a project file, or --base and --specialist.')
  const project = path === undefined ? projectFromOptions(options) : await readProject(path)
  const models = await withRules(project.models, options)
  const given = (keys: readonly (keyof ModelOptions)[]): Record<string, unknown> =>
    Object.fromEntries(keys.flatMap((key) => (options[key] === undefined ? [] : [[key, options[key]]])))
  const merged = {
    ...project,
    ...given(['prediction', 'ema']),
    models,
    method: {
      ...project.method,
      ...methodGiven(options),
      ...given(['reuse', 'align']),
      ...(options.calibration !== undefined && { calibration: resolve(options.calibration) }),
      layerKinds: [...project.method.layerKinds, ...layerKinds(options)],
    },
    output: {
      ...project.output,
      ...outputGiven(options),
      ...(options.include !== undefined && { include: options.include.split(',').map((part) => part.trim()) }),
    },
  }
  const fit = fitting(merged)
  checkMethodOptions(options, fit.method, isMeasured)
  return fit
}

/** What the options of addOutputOptions say. */
export function outputGiven(options: Omit<ModelOptions, keyof SourceOptions>): Record<string, unknown> {
  const { layout, dtype, title, author, license, notes, shardSize: shardBytes, vae } = options
  const given = {
    layout,
    dtype,
    title,
    author,
    license,
    notes,
    shardBytes,
    vae: vae === undefined ? undefined : resolve(vae),
  }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}

/** @throws UsageError where options ask for what a project cannot have */
function fitting(project: unknown): Project {
  const parsed = projectSchema.safeParse(project)
  if (parsed.success) return parsed.data
  const problems = z.prettifyError(parsed.error)
  throw new UsageError(`These options are not valid: ${problems.replaceAll(/\s*\n\s*/g, ' ')}`)
}

function projectFromOptions(options: ModelOptions): Project {
  if (options.base === undefined || options.specialist.length === 0) {
    throw new UsageError('Give a project file, or --base and at least one --specialist.')
  }
  const base = { name: 'base', ...parseModelArgument(options.base) }
  const models = withNames([base, ...options.specialist.map(parseModelArgument)])
  return fitting({ format: 'featurefusion-project', version: 1, models })
}

/** The models with the weights by block and layer that options give them. */
async function withRules(
  models: readonly ModelEntry[],
  { blockWeights, layerWeights, strengths }: Pick<ModelOptions, 'blockWeights' | 'layerWeights' | 'strengths'>,
): Promise<ModelEntry[]> {
  const weighed = models.map((model) => ({ ...model, layers: [...model.layers] }))
  for (const text of strengths) {
    const { model, rest } = ofModel(weighed, text, '--strengths')
    model.strengths = parseStrengths(rest, text)
  }
  for (const text of blockWeights) {
    const { model, rest } = ofModel(weighed, text, '--block-weights')
    model.blocks = await parseBlocks(rest, text, models[0]!.path)
  }
  for (const text of layerWeights) {
    const { model, rest } = ofModel(weighed, text, '--layer-weights')
    const colon = rest.lastIndexOf(':')
    if (colon <= 0) throw new UsageError(`--layer-weights ${text}: PATTERN:WEIGHT expected.`)
    model.layers.push({ pattern: rest.slice(0, colon), weight: parseNumber(rest.slice(colon + 1), text) })
  }
  return weighed
}

/** `0.8` for all parts, or `0.8,0.5` for the UNet and the text encoders. */
function parseStrengths(text: string, where: string): AdapterStrengths {
  const numbers = text.split(',').map((part) => parseNumber(part, `--strengths ${where}`))
  const [unet, textEncoder = unet] = numbers
  if (numbers.length > 2) throw new UsageError(`--strengths ${where}: NAME=UNET or NAME=UNET,TEXT expected.`)
  return { unet: unet!, textEncoder: textEncoder! }
}

/** `NAME=…`: names may have any characters, so the longest that fits is meant. */
function ofModel(models: ModelEntry[], text: string, option: string): { model: ModelEntry; rest: string } {
  const [model] = models
    .filter(({ name }) => text.startsWith(`${name}=`))
    .sort((one, other) => other.name.length - one.name.length)
  if (!model) {
    throw new UsageError(
      `${option} ${text}: NAME=… expected.`,
      `The models are ${models.map(({ name }) => name).join(', ')}.`,
    )
  }
  return { model, rest: text.slice(model.name.length + 1) }
}

/** `IN00:0.5,M00:1`, the name of one of the field's presets, or a list of numbers as these presets have them. */
async function parseBlocks(text: string, where: string, base: string): Promise<Record<string, number>> {
  const parts = text.split(',').map((part) => part.trim())
  if (parts.every((part) => part.includes(':'))) {
    const blocks: Record<string, number> = {}
    for (const part of parts) {
      const [block, weight] = part.split(':') as [string, string]
      const label = blockLabel(block)
      if (Object.hasOwn(blocks, label)) throw new UsageError(`--block-weights ${where}: ${label} has two weights.`)
      blocks[label] = parseNumber(weight, where)
    }
    return blocks
  }
  const { labels } = Blocks.of(await openModel(base))
  const weights = presetNamed(text)?.weights ?? parts.map((part) => parseNumber(part, where))
  try {
    const { blocks, missing } = presetFor(labels, weights)
    if (missing.length > 0) say(`Note: --block-weights ${where}: the network of ${base} has no ${missing.join(', ')}.`)
    return blocks
  } catch (error) {
    const { message, hint } = toErrorReport(error)
    throw new UsageError(`--block-weights ${where}: ${message}`, hint)
  }
}

/** @throws UsageError that says where the text stands */
export function parseNumber(text: string, where: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value)) throw new UsageError(`${where}: ${text} is not a number.`)
  return value
}

function layerKinds(options: ModelOptions): unknown[] {
  return [
    ...options.transposed.map((pattern) => ({ pattern, transposedConvolution: true })),
    ...options.groups.map((text) => {
      const separator = text.lastIndexOf('=')
      if (separator <= 0) throw new UsageError(`--groups ${text}: PATTERN=NUMBER expected.`)
      return { pattern: text.slice(0, separator), groups: parseNumber(text.slice(separator + 1), `--groups ${text}`) }
    }),
  ]
}
