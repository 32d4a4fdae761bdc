import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { FusionError } from '../../contract/errors'
import type { Checkpoint, Component, ComponentName } from '../checkpoint/checkpoint'
import { publishedScheduler } from '../checkpoint/published-pipeline'
import { parseSchedulerConfig, type SchedulerConfig } from './schedulers/index'
import { ClipTokenizer } from './tokenizer'
import { loadTokenizer, readClipVocabulary } from './vocabulary'

/**
 * A component of a checkpoint, or of the base that lends what the checkpoint lacks.
 * @throws FusionError 'incompatible' where neither has it
 */
export function requireComponent(name: ComponentName, checkpoint: Checkpoint, base?: Checkpoint): Component {
  const component = findComponent(name, checkpoint, base)
  if (component) return component
  const places = base ? `${checkpoint.path} and ${base.path} have` : `${checkpoint.path} has`
  throw new FusionError('incompatible', `${places} no ${name}.`, {
    hint: 'Name a whole pipeline as the base: it lends the parts that this model lacks.',
  })
}

export function findComponent(name: ComponentName, checkpoint: Checkpoint, base?: Checkpoint): Component | undefined {
  return checkpoint.components.get(name) ?? base?.components.get(name)
}

/** A component's config. @throws FusionError 'unsupported' where the file tells none */
export function configOf({ name, config }: Component, { path }: Checkpoint): Readonly<Record<string, unknown>> {
  if (config) return config
  throw new FusionError('unsupported', `The ${name} of ${path} has no config.json, and its kind is not known.`)
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

/** The scheduler's config of a pipeline's folder, or the published one of the architecture. */
export function schedulerConfigOf(checkpoint: Checkpoint, base?: Checkpoint): SchedulerConfig {
  for (const { path } of base ? [checkpoint, base] : [checkpoint]) {
    const file = join(path, 'scheduler', 'scheduler_config.json')
    if (existsSync(file)) return parseSchedulerConfig(readFileSync(file, 'utf8'), file)
  }
  return publishedScheduler(checkpoint)
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
    if (existsSync(join(path, folder))) return loadTokenizer(join(path, folder))
  if (clipVocabulary === undefined)
    throw new FusionError('not-found', `${checkpoint.path} has no ${folder}.`, {
      hint: 'Name a whole pipeline as the base.',
    })
  const { architecture } = checkpoint
  const padsWithExclamation = architecture.startsWith('sd2') || encoder === 'text_encoder_2'
  return new ClipTokenizer(readClipVocabulary(clipVocabulary), padsWithExclamation ? '!' : undefined)
}

/** Where a UNet's config does not say: Stable Diffusion 1's. */
const DEFAULT_LATENTS = 64

/** The edge in pixels of the pictures that a model was made for: its UNet's latents times the VAE's scale. */
export function nativeEdge(unetConfig: Readonly<Record<string, unknown>>, scale: number): number {
  const { sample_size: latents } = unetConfig
  return (typeof latents === 'number' ? latents : DEFAULT_LATENTS) * scale
}

/** SDXL: whether no negative prompt means zeros (model_index.json's force_zeros_for_empty_prompt, true if absent). */
export function forcesZeros({ path }: Checkpoint): boolean {
  const file = join(path, 'model_index.json')
  if (!existsSync(file)) return true
  const index = JSON.parse(readFileSync(file, 'utf8')) as { force_zeros_for_empty_prompt?: unknown }
  return index.force_zeros_for_empty_prompt !== false
}
