import { join } from 'node:path'
import type { DenoiserComponent } from '../../contract/values/denoisers'
import { FusionError } from '../../contract/errors'
import { MOST_EDGE } from '../architecture/config-reader'
import type { Checkpoint, Component, ComponentName } from '../checkpoint/model/checkpoint'
import { absence } from '../checkpoint/compare'
import { denoiserName, denoiserOf } from '../checkpoint/denoisers'
import { refuseEdm, withPrediction } from '../checkpoint/identify/prediction'
import { predictionOfWeights } from '../checkpoint/identify/prediction-of-weights'
import { publishedScheduler, ZERO_TERMINAL_SNR } from '../checkpoint/pipeline/published-pipeline'
import { readJsonObjectSync } from '../files/reading/json-object'
import { requireOwn } from '../files/reading/links'
import { isThere, readSmallTextSync } from '../files/reading/regular-file'
import { SMALL_FILES } from '../files/reading/small-files'
import { knowsZeroSnr } from '../schedulers/shared/betas'
import { parseSchedulerConfig, type SchedulerConfig } from '../schedulers/index'
import { ClipTokenizer } from '../tokenizer/tokenizer'
import { loadTokenizer, readClipVocabulary } from '../tokenizer/vocabulary'

/**
 * A component of a checkpoint, or of the base that lends what the checkpoint lacks.
 * @throws FusionError 'incompatible' where neither has it
 */
export function requireComponent(name: ComponentName, checkpoint: Checkpoint, base?: Checkpoint): Component {
  const component = findComponent(name, checkpoint, base)
  if (component) return component
  const { kind } = checkpoint
  const places = base ? `${absence(checkpoint)} no ${name}, nor does ${base.path}` : `${absence(checkpoint)} no ${name}`
  throw new FusionError('incompatible', `${places}.`, {
    hint: kind?.advice ?? 'Name a whole pipeline as the base: the missing parts are taken from it.',
  })
}

/** The denoiser of a checkpoint, or of the base that lends it. @throws FusionError 'incompatible' where neither has one */
export function requireDenoiser(checkpoint: Checkpoint, base?: Checkpoint): Component & { name: DenoiserComponent } {
  const name = denoiserName(denoiserOwner(checkpoint, base))
  return { ...requireComponent(name, checkpoint, base), name }
}

/** Which of the two brings the denoiser, and so decides what it predicts. */
export function denoiserOwner(checkpoint: Checkpoint, base?: Checkpoint): Checkpoint {
  return denoiserOf(checkpoint) ? checkpoint : (base ?? checkpoint)
}

export function findComponent(name: ComponentName, checkpoint: Checkpoint, base?: Checkpoint): Component | undefined {
  return checkpoint.components.get(name) ?? base?.components.get(name)
}

/** A component's config. @throws FusionError 'unsupported' where the file tells none */
export function configOf({ name, config }: Component, { path }: Checkpoint): Readonly<Record<string, unknown>> {
  if (config) return config
  throw new FusionError('unsupported', `The ${name} of ${path} has no config.json, and its architecture is not known.`)
}

/**
 * What diffusers' StableDiffusionPipeline (not SDXL's) sets in the scheduler that it was loaded with. Where the file does
 * not name these keys, they hold for the file's own class only: diffusers' `from_config` drops them with the old class.
 */
export const STABLE_DIFFUSION_SCHEDULER: SchedulerConfig = { steps_offset: 1, clip_sample: false }

/** A scheduler_config.json as StableDiffusionPipeline corrects it: the keys that it names. */
export function correctedSchedulerConfig(config: SchedulerConfig): SchedulerConfig {
  const corrected = Object.entries(STABLE_DIFFUSION_SCHEDULER).filter(([key]) => key in config)
  return { ...config, ...Object.fromEntries(corrected) }
}

/**
 * The scheduler's config: of the folder of the model, else of the base with what the model itself says of its prediction,
 * else the published one of the architecture. What a person says of the prediction goes before all of them.
 * @throws FusionError 'malformed'; 'unsupported' for EDM's parametrisation
 */
export function schedulerConfigOf(checkpoint: Checkpoint, base?: Checkpoint): SchedulerConfig {
  const model = denoiserOwner(checkpoint, base)
  refuseEdm(model)
  const own = schedulerFile(model)
  const config = own ?? (base && schedulerFile(base))
  const { type, zeroTerminalSnr, chosen } = model.stated
  if (!config) {
    // A UNet that says nothing is taken for one of the base's kind.
    const { predictionType, stated } = base && type === null ? base : model
    const { architecture } = model
    if (!isUnsaid(model, base)) return publishedScheduler({ architecture, predictionType, stated })
    const guess = predictionOfWeights(model)
    return publishedScheduler({ ...withPrediction({ architecture, predictionType, stated }, guess), stated })
  }
  if (own) return chosen ? { ...own, prediction_type: type } : own
  if (type === null) return config
  const lent: SchedulerConfig = { ...config, prediction_type: type }
  if (!zeroTerminalSnr) {
    const isOther = type !== (config['prediction_type'] ?? 'epsilon')
    return isOther && config['rescale_betas_zero_snr'] ? { ...lent, rescale_betas_zero_snr: false } : lent
  }
  const className = String(config['_class_name'])
  return { ...lent, ...ZERO_TERMINAL_SNR, _class_name: knowsZeroSnr(className) ? className : 'DDIMScheduler' }
}

/** What a person should know of what a model is taken to predict: that its file does not say it where kinds differ. */
export function predictionNotices(checkpoint: Checkpoint, base?: Checkpoint): string[] {
  const model = denoiserOwner(checkpoint, base)
  if (!isUnsaid(model, base)) return []
  const guess = predictionOfWeights(model)
  const other = guess === 'epsilon' ? 'v_prediction' : 'epsilon'
  return [
    `${model.path} does not say what it predicts, and models of Stable Diffusion 2 differ in it: ${guess} is assumed, ` +
      `by the spread of one of its biases. If that gives noise, say --prediction ${other}.`,
  ]
}

/** Whether only the weights can tell what a model predicts. */
function isUnsaid({ architecture, predictionType, stated }: Checkpoint, base: Checkpoint | undefined): boolean {
  return architecture === 'sd2' && predictionType === null && !stated.edm && (base?.stated.type ?? null) === null
}

function schedulerFile({ path }: Checkpoint): SchedulerConfig | undefined {
  const file = join(path, 'scheduler', 'scheduler_config.json')
  if (!isThere(file)) return undefined
  requireOwn(file, path, 'read')
  return parseSchedulerConfig(readSmallTextSync(file, SMALL_FILES.config), file)
}

/**
 * The tokenizer of a text encoder: from a pipeline's folder, else CLIP's own table.
 * @param clipVocabulary path of the bundled table, for single files
 * @throws FusionError 'not-found' or 'malformed'
 */
export function tokenizerOf(
  encoder: 'text_encoder' | 'text_encoder_2',
  checkpoint: Checkpoint,
  base: Checkpoint | undefined,
  clipVocabulary: string | undefined,
): ClipTokenizer {
  const folder = encoder === 'text_encoder' ? 'tokenizer' : 'tokenizer_2'
  for (const { path } of base ? [checkpoint, base] : [checkpoint])
    if (isThere(join(path, folder))) return loadTokenizer(join(path, folder), path)
  if (clipVocabulary === undefined)
    throw new FusionError('not-found', `${checkpoint.path} has no ${folder}.`, {
      hint: 'Name a whole pipeline as the base.',
    })
  const { architecture } = checkpoint
  const padsWithExclamation = architecture.startsWith('sd2') || encoder === 'text_encoder_2'
  return new ClipTokenizer(readClipVocabulary(clipVocabulary), padsWithExclamation ? '!' : undefined)
}

export interface PixelSize {
  width: number
  height: number
}

/** Where a UNet's config does not say: Stable Diffusion 1's. */
const DEFAULT_LATENTS = 64

/**
 * The size in pixels of the pictures that a model was made for: its UNet's latents times the VAE's scale. Configs that
 * diffusers wrote before 0.9 say 32 where 64 is meant (StableDiffusionPipeline; SDXL is younger).
 */
export function nativeSize(unetConfig: Readonly<Record<string, unknown>>, scale: number): PixelSize {
  const size = statedSize(unetConfig, scale)
  const isPossible = [size.width, size.height].every(
    (edge) => Number.isSafeInteger(edge) && edge > 0 && edge <= MOST_EDGE,
  )
  if (isPossible) return size
  throw new FusionError(
    'malformed',
    `The UNet's config has sample_size = ${JSON.stringify(unetConfig['sample_size'])}.`,
    {
      hint: 'Check config.json against the model that it belongs to.',
    },
  )
}

function statedSize(unetConfig: Readonly<Record<string, unknown>>, scale: number): PixelSize {
  const { sample_size: latents, _diffusers_version: version } = unetConfig
  if (Array.isArray(latents) && latents.length === 2 && latents.every((edge) => Number.isInteger(edge) && edge > 0)) {
    const [height, width] = latents as [number, number]
    return { height: height * scale, width: width * scale }
  }
  const isOld = typeof version === 'string' && /^0\.[0-8](\.|$)/.test(version)
  const edge = typeof latents === 'number' ? (isOld ? Math.max(latents, DEFAULT_LATENTS) : latents) : DEFAULT_LATENTS
  return { height: edge * scale, width: edge * scale }
}

/** SDXL: whether no negative prompt means zeros (model_index.json's force_zeros_for_empty_prompt, true if absent). */
export function forcesZeros({ path }: Checkpoint): boolean {
  const file = join(path, 'model_index.json')
  if (!isThere(file)) return true
  requireOwn(file, path, 'read')
  return readJsonObjectSync(file, SMALL_FILES.config)['force_zeros_for_empty_prompt'] !== false
}
