import { stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { FusionError } from '../../contract/errors'
import { FORMS } from '../adapter-forms/index'
import { MAGNITUDES } from '../adapter-forms/additive'
import type { AdapterForm, FactorShapes } from '../adapter-forms/form'
import type { SourceFile, StoredTensor } from '../checkpoint/containers/container'
import { openContainer } from '../checkpoint/containers/open-container'
import { readScalars } from '../checkpoint/containers/stored-values'
import { adapterKind } from '../checkpoint/kinds/tensor-kinds'
import type { Problem } from '../checkpoint/model/checkpoint'
import { stateOf } from '../files/reading/file-state'
import { unreadable } from '../files/reading/file-errors'
import { readJsonObject } from '../files/reading/json-object'
import { requireOwn } from '../files/reading/links'
import { isThere } from '../files/reading/regular-file'
import { isFloatType } from '../tensor/element-type'
import { parseFactorName } from './factor-names'
import { isWrapped } from './module-names'
import {
  configFor,
  parsePeftConfig,
  peftAlpha,
  peftConfigsIn,
  peftRank,
  peftRotation,
  scalesInputs,
  type PeftConfig,
  type PeftConfigs,
} from './peft-config'

/** PEFT's names in the folder that it saves. */
const PEFT_WEIGHTS = ['adapter_model.safetensors', 'adapter_model.bin']
const PEFT_CONFIG = 'adapter_config.json'
/** Names of an adapter's file in a folder: PEFT's, and diffusers'. */
const FOLDER_FILES = [...PEFT_WEIGHTS, 'pytorch_lora_weights.safetensors', 'pytorch_lora_weights.bin']
/** Embeddings that trainers put into the file of a LoRA: words for prompts, no change of the model. */
const BUNDLED = /^(?:bundle_emb\.|emb_params$|clip_[lg]$)/
/** kohya's network, whose constraint of 0 means that nothing may rotate; LyCORIS' means that nothing is limited. */
const KOHYA_OFT = 'networks.oft'
/** How many names a message shows. */
const NAMES_SHOWN = 5

/** One changed module of an adapter. */
export interface AdapterModule {
  /** As the file names it. */
  name: string
  /** How its weight changes; null where only its bias does. */
  form: AdapterForm | null
  /** Of the form, by its names for them. */
  factors: Readonly<Record<string, StoredTensor>>
  /** What is added to its bias. */
  bias: StoredTensor | null
  rank: number | null
  /** As the file or PEFT's settings give it; null where there is none: the rank then stands for it. */
  alpha: number | null
  /** alpha / rank, or what stands for it. */
  scale: number
  constraint: number | null
  /** See FormSettings. */
  seriesTerms: number | null
  onInput: boolean
}

/** An adapter, opened from its header; of its tensors only single numbers (alpha) were read. */
export interface Adapter {
  /** Absolute path that was opened. */
  path: string
  files: SourceFile[]
  metadata: Readonly<Record<string, string>>
  /** In words, with its article: 'a LoRA (low-rank adapter)'. */
  title: string
  modules: AdapterModule[]
  /** Tensors that change nothing. */
  leftAside: StoredTensor[]
  /** The model that PEFT's settings name. */
  baseName: string | null
}

/**
 * Opens a file, or PEFT's folder, as an adapter.
 * @returns undefined for anything that is none, and for kinds of adapters that are not read (VeRA …)
 * @throws FusionError 'unsupported' for tensors that no form has, by name; 'malformed'; whatever opening the file throws
 */
export async function openAdapter(path: string): Promise<Adapter | undefined> {
  const absolute = resolve(path)
  const entry = await stat(absolute).catch((cause: unknown) => {
    throw unreadable(absolute, cause)
  })
  const folder = entry.isDirectory() ? absolute : dirname(absolute)
  const file = entry.isDirectory() ? FOLDER_FILES.map((name) => join(folder, name)).find(isThere) : absolute
  if (file === undefined) return undefined
  requireOwn(file, folder, 'read')
  const container = await openContainer(file)
  const kind = adapterKind(container.tensors)
  if (!kind?.isRead) return undefined
  const { metadata } = container
  const isOfPeft = PEFT_WEIGHTS.includes(basename(file)) || container.tensors.some(({ name }) => isWrapped(name))
  const config = isOfPeft ? await configBeside(folder) : undefined
  const configs: PeftConfigs = config ? new Map([['', config.value]]) : peftConfigsIn(metadata, file)
  const isZeroLimited = metadata['ss_network_module'] === KOHYA_OFT
  const { modules, leftAside } = modulesOf(container.tensors, configs, isZeroLimited, `${file} is ${kind.title}`)
  return {
    path: absolute,
    files: [container.file, ...(config ? [config.file] : [])],
    metadata,
    title: kind.title,
    modules,
    leftAside,
    baseName: configFor(configs, '')?.base_model_name_or_path ?? null,
  }
}

async function configBeside(folder: string): Promise<{ value: PeftConfig; file: SourceFile } | undefined> {
  const path = join(folder, PEFT_CONFIG)
  if (!isThere(path)) return undefined
  requireOwn(path, folder, 'read')
  const value = parsePeftConfig(await readJsonObject(path), path)
  const found = await stat(path, { bigint: true })
  return { value, file: { path, size: Number(found.size), state: stateOf(found) } }
}

function modulesOf(
  tensors: readonly StoredTensor[],
  configs: PeftConfigs,
  isZeroLimited: boolean,
  what: string,
): { modules: AdapterModule[]; leftAside: StoredTensor[] } {
  const groups = new Map<string, Map<string, StoredTensor>>()
  const unknown: string[] = []
  const leftAside: StoredTensor[] = []
  for (const tensor of tensors) {
    const parsed = parseFactorName(tensor.name)
    if (BUNDLED.test(tensor.name)) leftAside.push(tensor)
    else if (!parsed) unknown.push(tensor.name)
    else {
      const group = groups.get(parsed.module) ?? new Map<string, StoredTensor>()
      if (group.has(parsed.factor)) unknown.push(tensor.name)
      groups.set(parsed.module, group.set(parsed.factor, tensor))
    }
  }
  const forms = new Map([...groups].map(([name, group]) => [name, formOf(group, unknown)] as const))
  if (unknown.length > 0) throw unknownTensors(what, unknown)
  const numbers = readNumbers([...groups.values()])
  const modules = [...groups].map(([name, group]) => {
    const config = configFor(configs, name)
    return moduleOf({ name, group, form: forms.get(name) ?? null, config, isZeroLimited, numbers })
  })
  return { modules, leftAside }
}

/** Factors of every form: alpha, and magnitudes (DoRA) and changes of the bias beside it. */
const SHARED_FACTORS = ['alpha', 'diff_b', 'up_bias', ...MAGNITUDES]

/** The form of a module's factors; names of factors that do not belong to it go to `unknown`. */
function formOf(group: ReadonlyMap<string, StoredTensor>, unknown: string[]): AdapterForm | null {
  const shape: FactorShapes = (name) => group.get(name)?.shape
  const form = Object.values(FORMS).find((candidate) => candidate.is(shape)) ?? null
  const isBiasAlone = !form && group.has('diff_b')
  for (const [factor, { name, elementType }] of group) {
    const isKnown = form?.factors.includes(factor) || (SHARED_FACTORS.includes(factor) && (form || isBiasAlone))
    const isNumber = NUMBERS.includes(factor)
    if (!isKnown || !(isNumber || isFloatType(elementType))) unknown.push(name)
  }
  return form
}

function unknownTensors(what: string, names: readonly string[]): FusionError {
  const shown = names.slice(0, NAMES_SHOWN).join(', ')
  const more = names.length > NAMES_SHOWN ? ` and ${names.length - NAMES_SHOWN} more` : ''
  return new FusionError(
    'unsupported',
    `${what}, with tensors that are not known here, or that lack others of their module: ${shown}${more}.`,
    {
      detail: names.join('\n'),
      hint:
        'The file is damaged or incomplete, or made by a program whose adapters are not known here. Get another copy, or ' +
        'merge it into its model with the program that made it.',
    },
  )
}

/** Factors that are single numbers, read when the file is opened. */
const NUMBERS = ['alpha', 'on_input']

function readNumbers(groups: readonly ReadonlyMap<string, StoredTensor>[]): ReadonlyMap<StoredTensor, number> {
  const scalars = groups.flatMap((group) => NUMBERS.flatMap((name) => group.get(name) ?? []))
  const values = readScalars(scalars)
  return new Map(scalars.map((tensor, index) => [tensor, values[index]!]))
}

function moduleOf({
  name,
  group,
  form,
  config,
  isZeroLimited,
  numbers,
}: {
  name: string
  group: ReadonlyMap<string, StoredTensor>
  form: AdapterForm | null
  config: PeftConfig | undefined
  isZeroLimited: boolean
  numbers: ReadonlyMap<StoredTensor, number>
}): AdapterModule {
  const numberOf = (factor: string): number | null => {
    const tensor = group.get(factor)
    return tensor ? numbers.get(tensor)! : null
  }
  const stored = numberOf('alpha')
  const ownRank = form?.rank((factor) => group.get(factor)?.shape) ?? null
  const rank = (config && peftRank(config, name)) ?? ownRank
  const alpha = stored ?? (rank === null || !config ? null : (peftAlpha(config, name) ?? null))
  const divisor = rank === null ? 1 : config?.use_rslora ? Math.sqrt(rank) : rank
  const factors = [...group].filter(
    ([factor]) => form?.factors.includes(factor) || MAGNITUDES.some((m) => m === factor),
  )
  return {
    name,
    form,
    factors: Object.fromEntries(factors),
    bias: group.get('diff_b') ?? group.get('up_bias') ?? null,
    rank,
    alpha: rank === null ? null : alpha,
    scale: rank === null || alpha === null ? 1 : alpha / divisor,
    ...rotationOf(form, config, stored === null || (stored === 0 && !isZeroLimited) ? null : stored, name),
    onInput: numberOf('on_input') === 1 || isOnInputs(group.get('ia3_l')?.shape, config, name),
  }
}

/** @param stored the limit that the file itself has */
function rotationOf(
  form: AdapterForm | null,
  config: PeftConfig | undefined,
  stored: number | null,
  module: string,
): Pick<AdapterModule, 'constraint' | 'seriesTerms'> {
  if (form?.name !== 'peft-oft') return { constraint: stored, seriesTerms: null }
  if (config) return peftRotation(config)
  throw withoutSettings(module, 'how its rotations were made')
}

/**
 * Whether PEFT's IA³ scales inputs: [1, inputs], else [outputs, 1]; a convolution's [1, channels, 1, 1] can be both.
 * @throws FusionError 'unsupported'
 */
function isOnInputs(shape: readonly number[] | undefined, config: PeftConfig | undefined, module: string): boolean {
  if (!shape) return false
  if (shape.length === 2) return shape[0] === 1 && shape[1] !== 1
  const known = config && scalesInputs(config, module)
  if (known === undefined) throw withoutSettings(module, 'whether inputs or outputs are scaled')
  return known
}

/**
 * What a person should know of an adapter of PEFT whose settings are lost: PEFT keeps alpha in them alone, and alpha is
 * often not the rank.
 */
export function unknownAlpha({ path, modules }: Pick<Adapter, 'path' | 'modules'>): Problem[] {
  const without = modules.filter(({ name, rank, alpha }) => rank !== null && alpha === null && isWrapped(name)).length
  if (without === 0) return []
  const message =
    `${path} does not say alpha for ${without} of its modules: their rank is taken for it. ` +
    `PEFT saves alpha in ${PEFT_CONFIG}: put that file beside it.`
  return [{ severity: 'warning', message }]
}

function withoutSettings(module: string, what: string): FusionError {
  return new FusionError('unsupported', `Nothing says of the adapter's module ${module} ${what}.`, {
    hint: `Put PEFT's ${PEFT_CONFIG} beside ${PEFT_WEIGHTS[0]}, and give their folder.`,
  })
}
