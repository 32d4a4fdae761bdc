import type { NetworkOptions } from '../../architecture/network-graph'
import { Network } from '../../runtime/network'
import { providerAbilities, type ProviderStatus } from '../../runtime/providers'
import { buildTextOf, buildVisionOf, imageSizeOf, logitFactorOf, type ClipWeights } from './clip-weights'

/** What CLIP sees in images. */
export interface ImageFeatures {
  /** The projection of every image at unit length, [width] each. */
  embeds: Float32Array[]
  /** The same before normalising. */
  projections: Float32Array[]
  /** [images, patches + 1, width] */
  lastHiddenState: Float32Array
}

/** The half of a CLIP model that sees images. */
export class ClipVision {
  readonly #network: Network

  private constructor(network: Network) {
    this.#network = network
  }

  /** @throws FusionError 'unsupported', 'malformed', 'incompatible', 'device', 'out-of-memory' */
  static async open(weights: ClipWeights, device: ProviderStatus): Promise<ClipVision> {
    const built = buildVisionOf(weights, optionsFor(device))
    return new ClipVision(await Network.open(built, { provider: device.provider }))
  }

  /**
   * @param pixels [count, 3, size, size], preprocessed (preprocessForClip)
   * @throws FusionError 'out-of-memory', 'device'
   */
  async images(pixels: Float32Array, count: number, size: number): Promise<ImageFeatures> {
    const input = { data: pixels, dims: [count, 3, size, size] }
    const { image_embeds: embeds, last_hidden_state: states } = await this.#network.run({ pixel_values: input })
    const projections = rows(embeds!.data as Float32Array, count)
    return { embeds: projections.map(unit), projections, lastHiddenState: states!.data as Float32Array }
  }

  async release(): Promise<void> {
    await this.#network.release()
  }
}

/** A whole CLIP model (transformers' CLIPModel): how well images and texts fit. */
export class ClipModel {
  /** exp(logit_scale): what cosines are multiplied with in logits_per_image. */
  readonly logitFactor: number
  /** Pixels along each edge of the images that it takes. */
  readonly imageSize: number
  readonly #vision: ClipVision
  readonly #text: Network

  private constructor(vision: ClipVision, text: Network, logitFactor: number, imageSize: number) {
    this.#vision = vision
    this.#text = text
    this.logitFactor = logitFactor
    this.imageSize = imageSize
  }

  /** @throws FusionError 'unsupported', 'malformed', 'incompatible', 'device', 'out-of-memory' */
  static async open(weights: ClipWeights, device: ProviderStatus): Promise<ClipModel> {
    const text = buildTextOf(weights, optionsFor(device))
    const opened = await ClipVision.open(weights, device)
    try {
      const network = await Network.open(text, { provider: device.provider })
      return new ClipModel(opened, network, logitFactorOf(weights), imageSizeOf(weights))
    } catch (error) {
      await opened.release()
      throw error
    }
  }

  /** What ClipVision sees. */
  images(pixels: Float32Array, count: number, size: number): Promise<ImageFeatures> {
    return this.#vision.images(pixels, count, size)
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

/** CLIP score: 100 times the cosine, not below 0. */
export function clipScore(image: Float32Array, text: Float32Array): number {
  return Math.max(0, 100 * cosine(image, text))
}

/** The cosine of two vectors of unit length. */
export function cosine(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, i) => sum + value * b[i]!, 0)
}

/** A vector at unit length; zeros stay zeros. */
export function unit(vector: Float32Array): Float32Array {
  const length = Math.hypot(...vector)
  return length === 0 ? vector : vector.map((value) => value / length)
}

function optionsFor(device: ProviderStatus): NetworkOptions {
  return { ...providerAbilities(device), weights: 'initializers' }
}

function rows(data: Float32Array, count: number): Float32Array[] {
  const width = data.length / count
  return Array.from({ length: count }, (_, i) => data.subarray(i * width, (i + 1) * width))
}
