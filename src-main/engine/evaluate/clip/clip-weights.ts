import { join } from 'node:path'
import { FusionError } from '../../../contract/errors'
import { buildClipText } from '../../architecture/clip-text'
import { buildClipVision } from '../../architecture/clip-vision'
import type { BuiltNetwork, NetworkOptions } from '../../architecture/network-graph'
import { readFloats } from '../../checkpoint/containers/stored-values'
import type { Checkpoint, TensorView } from '../../checkpoint/model/checkpoint'
import { readClipPreprocessing, type ClipPreprocessing } from '../../diffusion/clip-image'
import { readJsonObjectSync } from '../../files/reading/json-object'
import { requireOwn } from '../../files/reading/links'
import { SMALL_FILES } from '../../files/reading/small-files'

/** Where a vision_config does not say. */
const DEFAULT_IMAGE_SIZE = 224
/** Where neither the weights nor the config have it. */
const DEFAULT_LOGIT_SCALE = 2.6592
/** Where a config does not say. */
const DEFAULT_WIDTH = 512

/** The weights of a whole CLIP model under transformers' names, with what its CLIPConfig says. */
export interface ClipWeights {
  /** Of the file or folder, for messages. */
  path: string
  tensors: ReadonlyMap<string, TensorView>
  text: Readonly<Record<string, unknown>>
  vision: Readonly<Record<string, unknown>>
  /** Width of the embeddings in which pictures and texts are compared. */
  projected: number
  /** Where the weights have no logit_scale. */
  logitScale: number
  /** What is done to pictures before. */
  preprocessing: ClipPreprocessing
}

interface ClipConfig {
  text_config?: Record<string, unknown>
  vision_config?: Record<string, unknown>
  projection_dim?: number
  logit_scale_init_value?: number
}

/**
 * The weights and settings of a CLIPModel's folder.
 * @throws FusionError 'unsupported' for another model, 'malformed'
 */
export function clipWeights({ path, components }: Checkpoint): ClipWeights {
  const tensors = components.get('model')?.tensors
  if (!tensors?.has('visual_projection.weight') || !tensors.has('text_projection.weight'))
    throw new FusionError('unsupported', `${path} is not a CLIP model.`)
  const file = join(path, 'config.json')
  requireOwn(file, path, 'read')
  const config: ClipConfig = readJsonObjectSync(file, SMALL_FILES.config)
  const { text_config: text = {}, vision_config: vision = {}, projection_dim: projected = DEFAULT_WIDTH } = config
  const { logit_scale_init_value: logitScale = DEFAULT_LOGIT_SCALE } = config
  const preprocessing = readClipPreprocessing(path, imageSizeOf({ vision }))
  return { path, tensors, text, vision, projected, logitScale, preprocessing }
}

/** Pixels along each edge of the images that a model takes. */
export function imageSizeOf({ vision: { image_size: given } }: Pick<ClipWeights, 'vision'>): number {
  return typeof given === 'number' ? given : DEFAULT_IMAGE_SIZE
}

/** exp(logit_scale): what cosines are multiplied with in logits_per_image. @throws FusionError 'not-finite' */
export function logitFactorOf({ tensors, logitScale }: ClipWeights): number {
  const stored = tensors.get('logit_scale')?.stored
  return Math.exp(stored ? readFloats(stored)[0]! : logitScale)
}

/** @throws FusionError 'unsupported', 'malformed' or 'incompatible' */
export function buildVisionOf({ vision, projected, tensors }: ClipWeights, options: NetworkOptions): BuiltNetwork {
  return buildClipVision({ ...vision, projection_dim: projected }, tensors, options)
}

/** @throws FusionError 'unsupported', 'malformed' or 'incompatible' */
export function buildTextOf({ text, projected, tensors }: ClipWeights, options: NetworkOptions): BuiltNetwork {
  return buildClipText({ ...text, projection_dim: projected }, tensors, options)
}
