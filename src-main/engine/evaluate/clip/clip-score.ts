import { join } from 'node:path'
import { FusionError } from '../../../contract/errors'
import { buildClipText } from '../../architecture/clip-text'
import { buildClipVision } from '../../architecture/clip-vision'
import type { NetworkOptions } from '../../architecture/network-graph'
import type { Checkpoint, TensorView } from '../../checkpoint/model/checkpoint'
import { readFloats } from '../../checkpoint/containers/stored-values'
import { readClipPreprocessing, type ClipPreprocessing } from '../../diffusion/clip-image'
import { requireOwn } from '../../files/reading/links'
import { readJsonObjectSync } from '../../files/reading/json-object'
import { SMALL_FILES } from '../../files/reading/small-files'
import { Network } from '../../runtime/network'
import { chooseDevice, providerAbilities, type Device, type ProviderStatus } from '../../runtime/providers'
import type { Provider } from '../../runtime/session'

/** What CLIP sees in images. */
export interface ImageFeatures {
  /** The projection of every image at unit length, [width] each. */
  embeds: Float32Array[]
  /** The same before normalising. */
  projections: Float32Array[]
  /** [images, patches + 1, width] */
  lastHiddenState: Float32Array
}

/** Where a vision_config does not say. */
const DEFAULT_IMAGE_SIZE = 224
/** Where neither the weights nor the config have it. */
const DEFAULT_LOGIT_SCALE = 2.6592

/** A whole CLIP model (transformers' CLIPModel): how well images and texts fit. */
export class ClipModel {
  /** exp(logit_scale): what cosines are multiplied with in logits_per_image. */
  readonly logitFactor: number
  /** Pixels along each edge of the images that it takes. */
  readonly imageSize: number
  /** What is done to pictures before. */
  readonly preprocessing: ClipPreprocessing
  readonly #vision: Network
  readonly #text: Network

  constructor(
    vision: Network,
    text: Network,
    logitFactor: number,
    imageSize: number,
    preprocessing: ClipPreprocessing,
  ) {
    this.#vision = vision
    this.#text = text
    this.logitFactor = logitFactor
    this.imageSize = imageSize
    this.preprocessing = preprocessing
  }

  /**
   * @param pixels [count, 3, size, size], preprocessed (preprocessForClip)
   * @throws FusionError 'out-of-memory', 'device'
   */
  async images(pixels: Float32Array, count: number, size: number): Promise<ImageFeatures> {
    const input = { data: pixels, dims: [count, 3, size, size] }
    const { image_embeds: embeds, last_hidden_state: states } = await this.#vision.run({ pixel_values: input })
    const projections = rows(embeds!.data as Float32Array, count)
    return { embeds: projections.map(unit), projections, lastHiddenState: states!.data as Float32Array }
  }

  /** The projections of texts at unit length. @param ids of one length each, from the model's tokenizer */
  async texts(ids: readonly (readonly number[])[]): Promise<Float32Array[]> {
    const input = { data: BigInt64Array.from(ids.flat(), BigInt), dims: [ids.length, ids[0]!.length] }
    const { text_embeds: embeds } = await this.#text.run({ input_ids: input }, ['text_embeds'])
    return rows(embeds!.data as Float32Array, ids.length).map(unit)
  }

  async release(): Promise<void> {
    await this.#vision.release()
    await this.#text.release()
  }
}

/**
 * Loads a CLIPModel's folder.
 * @throws FusionError 'unsupported', 'malformed', 'device', 'out-of-memory'
 */
export async function loadClip(checkpoint: Checkpoint, device: Device | Provider | ProviderStatus): Promise<ClipModel> {
  const tensors = clipTensors(checkpoint)
  const {
    text_config,
    vision_config,
    projection_dim = 512,
    logit_scale_init_value: initial = DEFAULT_LOGIT_SCALE,
  } = clipConfigOf(checkpoint)
  const chosen = await chooseDevice(device)
  const { provider } = chosen
  const options: NetworkOptions = { ...providerAbilities(chosen), weights: 'initializers' }
  const vision = await Network.open(buildClipVision({ ...vision_config, projection_dim }, tensors, options), {
    provider,
  })
  const text = await Network.open(buildClipText({ ...text_config, projection_dim }, tensors, options), { provider })
  const { image_size: given } = vision_config ?? {}
  const imageSize = typeof given === 'number' ? given : DEFAULT_IMAGE_SIZE
  // Only logits need it; scores do not.
  const scale = tensors.get('logit_scale')
  const logitFactor = Math.exp(scale ? readFloats(scale.stored)[0]! : initial)
  const preprocessing = readClipPreprocessing(checkpoint.path, imageSize)
  return new ClipModel(vision, text, logitFactor, imageSize, preprocessing)
}

/** The weights of a CLIPModel's folder. @throws FusionError 'unsupported' for another model */
export function clipTensors({ path, components }: Checkpoint): ReadonlyMap<string, TensorView> {
  const tensors = components.get('model')?.tensors
  if (!tensors?.has('visual_projection.weight') || !tensors.has('text_projection.weight'))
    throw new FusionError('unsupported', `${path} is not a CLIP model.`)
  return tensors
}

/** CLIP score: 100 times the cosine, not below 0. */
export function clipScore(image: Float32Array, text: Float32Array): number {
  return Math.max(0, 100 * cosine(image, text))
}

/** The cosine of two vectors of unit length. */
export function cosine(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, i) => sum + value * b[i]!, 0)
}

interface ClipConfig {
  text_config?: Record<string, unknown>
  vision_config?: Record<string, unknown>
  projection_dim?: number
  logit_scale_init_value?: number
}

function clipConfigOf({ path }: Checkpoint): ClipConfig {
  const file = join(path, 'config.json')
  requireOwn(file, path, 'read')
  return readJsonObjectSync(file, SMALL_FILES.config)
}

function rows(data: Float32Array, count: number): Float32Array[] {
  const width = data.length / count
  return Array.from({ length: count }, (_, i) => data.subarray(i * width, (i + 1) * width))
}

function unit(vector: Float32Array): Float32Array {
  const length = Math.hypot(...vector)
  return vector.map((value) => value / length)
}
