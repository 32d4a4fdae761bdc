import { readFileSync } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
import { InvalidArgumentError, Option, type Command } from 'commander'
import { z } from 'zod'
import { FusionError } from '../contract/errors'
import {
  METHOD_NAMES,
  NORMALISERS,
  OUTPUT_LAYOUTS,
  OUTPUT_TYPES,
  PREDICTION_TYPES,
  projectSchema,
  STATISTICS,
  type Project,
} from '../contract/project'
import { presetByBlock } from '../engine/merge/blocks'
import { UsageError } from './output'

/** What options say about the models themselves. */
export interface SourceOptions {
  base?: string
  specialist: string[]
}

/** What the options of `merge`, `inspect` and the like say about models, method and output. */
export interface ModelOptions extends SourceOptions {
  blockWeights: string[]
  layerWeights: string[]
  method?: string
  statistics?: string
  samples?: number
  seed?: number
  normaliser?: string
  threshold?: number | 'auto'
  density?: number
  scale?: number
  sign?: string
  rescale?: string
  transposed: string[]
  groups: string[]
  layout?: string
  dtype?: string
  include?: string
  vae?: string
  title?: string
  license?: string
  notes?: string
  prediction?: string
  reuse?: boolean
  ridge?: number
  calibration?: string
}

/** One more value of an option that can be given often. */
export const collect = (value: string, previous: string[]): string[] => [...previous, value]

/** A number of an option. */
export function number(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('It is not a number.')
  return value
}

/** A whole number of at least 1 of an option. */
export function count(text: string): number {
  const value = number(text)
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('It is not a whole number from 1 on.')
  return value
}

function threshold(text: string): number | 'auto' {
  return text === 'auto' ? text : number(text)
}

/** Adds the options that choose models. */
export function addSourceOptions(command: Command): Command {
  return command
    .option('--base <path[@weight]>', 'the base model')
    .option('--specialist <[name=]path[@weight]>', 'a specialist; once for each', collect, [])
}

/** Adds the options that choose models, weights and method. */
export function addModelOptions(command: Command): Command {
  return addSourceOptions(command)
    .option(
      '--block-weights <name=numbers>',
      "a specialist's weights by block: 26 (SD 1, 2) or 20 (SDXL) numbers, or BLOCK:WEIGHT,…",
      collect,
      [],
    )
    .option(
      '--layer-weights <name=pattern:weight>',
      'a weight for the layers that match a pattern (* for anything)',
      collect,
      [],
    )
    .addOption(new Option('--method <name>', 'how to merge').choices(METHOD_NAMES))
    .addOption(new Option('--statistics <kind>', 'statistics behind the correlations').choices(STATISTICS))
    .option('--samples <n>', 'samples of sampled statistics', number)
    .option('--seed <n>', 'seed of everything random', number)
    .addOption(new Option('--normaliser <kind>', 'what merged rows are divided by').choices(NORMALISERS))
    .option('--threshold <auto|number>', 'least |correlation| that takes part', threshold)
    .option('--density <number>', 'share of entries that TIES and DARE keep', number)
    .option('--scale <number>', 'factor on merged differences', number)
    .addOption(new Option('--sign <kind>', 'how TIES elects a sign').choices(['sum', 'count']))
    .addOption(new Option('--rescale <kind>', 'how DARE makes up for what it drops').choices(['density', 'l1']))
    .option('--calibration <file>', 'real inputs of the layers (featurefusion calibrate), for what needs them')
    .option('--ridge <number>', 'how strongly a feature regression holds to the mean', number)
    .option('--transposed <pattern>', 'layers that are transposed convolutions (files do not tell)', collect, [])
    .option('--groups <pattern=n>', 'layers that are convolutions in n groups (files do not tell)', collect, [])
    .addOption(predictionOption())
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

/** Adds the options of what is written. */
export function addOutputOptions(command: Command): Command {
  return command
    .addOption(new Option('--layout <kind>', 'layout of the output').choices(OUTPUT_LAYOUTS))
    .addOption(new Option('--dtype <type>', 'element type of the output').choices(OUTPUT_TYPES))
    .option('--vae <path>', "a VAE to bake in: in place of the base's, or for a base that has none")
    .option('--title <text>', "the merged model's title, for its metadata")
    .option('--license <text>', "the merged model's licence, for its metadata")
    .option('--notes <text>', 'a description, for its metadata')
}

/** A project and the folder to which its paths are relative. */
export interface LoadedProject {
  project: Project
  folder: string
}

/**
 * The project that a file or the options describe; options win over the file.
 * @throws UsageError, FusionError 'not-found', 'malformed'
 */
export function loadProject(path: string | undefined, options: ModelOptions): LoadedProject {
  const { project, folder } = path === undefined ? projectFromOptions(options) : readProject(path)
  const given = (keys: readonly (keyof ModelOptions)[]): Record<string, unknown> =>
    Object.fromEntries(keys.flatMap((key) => (options[key] === undefined ? [] : [[key, options[key]]])))
  const merged = {
    ...project,
    ...given(['prediction']),
    method: {
      ...project.method,
      ...given([
        'statistics',
        'samples',
        'seed',
        'normaliser',
        'threshold',
        'density',
        'scale',
        'sign',
        'rescale',
        'reuse',
        'ridge',
      ]),
      ...(options.method !== undefined && { name: options.method }),
      ...(options.calibration !== undefined && { calibration: resolve(options.calibration) }),
      layerKinds: [...project.method.layerKinds, ...layerKinds(options)],
    },
    output: {
      ...project.output,
      ...given(['layout', 'dtype', 'title', 'license', 'notes']),
      ...(options.vae !== undefined && { vae: resolve(options.vae) }),
      ...(options.include !== undefined && { include: options.include.split(',').map((part) => part.trim()) }),
    },
  }
  const parsed = projectSchema.safeParse(merged)
  if (!parsed.success) throw new UsageError(`These options do not fit: ${z.prettifyError(parsed.error)}`)
  return { project: parsed.data, folder }
}

/**
 * @throws FusionError 'not-found', 'malformed' with the place in the document
 */
export function readProject(path: string): LoadedProject {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    throw new FusionError('not-found', `The project ${path} cannot be read.`, { hint: 'Check the path.', cause })
  }
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch (cause) {
    throw new FusionError('malformed', `${path} is not JSON.`, { detail: String(cause), cause })
  }
  const parsed = projectSchema.safeParse(document)
  if (!parsed.success) {
    throw new FusionError('malformed', `${path} is not a FeatureFusion project.`, {
      detail: z.prettifyError(parsed.error),
    })
  }
  return { project: parsed.data, folder: dirname(resolve(path)) }
}

function projectFromOptions(options: ModelOptions): LoadedProject {
  if (options.base === undefined || options.specialist.length === 0) {
    throw new UsageError('Give a project file, or --base and at least one --specialist.')
  }
  const base = parseModel(options.base, 'base')
  const models = [base, ...options.specialist.map((text) => parseModel(text))]
  for (const text of options.blockWeights) {
    const { model, rest } = ofModel(models, text, '--block-weights')
    model.blocks = parseBlocks(rest)
  }
  for (const text of options.layerWeights) {
    const { model, rest } = ofModel(models, text, '--layer-weights')
    const colon = rest.lastIndexOf(':')
    if (colon < 0) throw new UsageError(`--layer-weights ${text}: PATTERN:WEIGHT expected.`)
    model.layers.push({ pattern: rest.slice(0, colon), weight: parseNumber(rest.slice(colon + 1), text) })
  }
  const project = projectSchema.parse({ format: 'featurefusion-project', version: 1, models })
  return { project, folder: process.cwd() }
}

interface ModelDraft {
  name: string
  path: string
  weight?: number
  blocks: Record<string, number>
  layers: { pattern: string; weight: number }[]
}

/** `[NAME=]PATH[@WEIGHT]`; the name is the file's or folder's where none is given. */
function parseModel(text: string, defaultName?: string): ModelDraft {
  const named = /^([^=/\\]+)=(.+)$/.exec(text)
  const rest = named?.[2] ?? text
  const weighted = /^(.*)@(-?\d+(?:\.\d+)?)$/.exec(rest)
  const path = weighted?.[1] ?? rest
  const name = named?.[1] ?? defaultName ?? basename(path).replace(/\.(safetensors|ckpt)$/, '')
  return { name, path: resolve(path), ...(weighted && { weight: Number(weighted[2]) }), blocks: {}, layers: [] }
}

function ofModel(models: ModelDraft[], text: string, option: string): { model: ModelDraft; rest: string } {
  const separator = text.indexOf('=')
  const model = models.find(({ name }) => name === text.slice(0, separator))
  if (separator < 0 || !model) {
    throw new UsageError(
      `${option} ${text}: NAME=… expected.`,
      `The models are ${models.map(({ name }) => name).join(', ')}.`,
    )
  }
  return { model, rest: text.slice(separator + 1) }
}

/** `IN00:0.5,M00:1` or a whole preset of the field, 26 or 20 numbers. */
function parseBlocks(text: string): Record<string, number> {
  const parts = text.split(',').map((part) => part.trim())
  if (parts.every((part) => part.includes(':'))) {
    return Object.fromEntries(
      parts.map((part) => part.split(':')).map(([block, weight]) => [block!, parseNumber(weight!, text)]),
    )
  }
  const numbers = parts.map((part) => parseNumber(part, text))
  const blocks = numbers.length === 20 ? 9 : 12
  const labels = (prefix: string): string[] =>
    Array.from({ length: blocks }, (_, index) => `${prefix}${String(index).padStart(2, '0')}`)
  const preset = presetByBlock(['BASE', ...labels('IN'), 'M00', ...labels('OUT')], numbers)
  if (!preset)
    throw new UsageError(`--block-weights has ${numbers.length} numbers; 26 (SD 1, SD 2) or 20 (SDXL) make a preset.`)
  return preset
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
      return { pattern: text.slice(0, separator), groups: parseNumber(text.slice(separator + 1), `--groups ${text}`) }
    }),
  ]
}
