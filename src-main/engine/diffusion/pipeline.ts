import { FusionError } from '../../contract/errors'
import { unetSlices, vaeSlices } from '../architecture/attention-slices'
import type { LayerInput, WeightInput } from '../architecture/network-graph'
import type { UnetConfig } from '../architecture/unet-config'
import { requireDeviceMemory } from '../runtime/memory'
import type { Network } from '../runtime/network'
import { providerAbilities, type ProviderStatus } from '../runtime/providers'
import type { Provider, Tensor } from '../runtime/session'
import { firstIteration, imageLatents, type SourceImage } from './image-to-image'
import { fitLatentPreview, type LatentPreview } from './latent-preview'
import {
  chunkCount,
  encodePrompt,
  type PromptReading,
  type PromptSyntax,
  type TextEncoder,
  type TextStates,
} from './prompt-encoder'
import type { PixelSize } from './pipeline-parts'
import { requirePixels } from '../image/png-size'
import { TorchGenerator } from '../random'
import {
  chooseScheduler,
  createScheduler,
  type Scheduler,
  type SchedulerConfig,
  type SigmaChoice,
} from '../schedulers/index'
import { denoise, drawNoise, type BatchPicture, type LatentSize } from './text-to-image'
import { decodedTogether, decodeLatents, toPixels, type Planes, type Vae } from './vae'

/** One picture to make. */
export interface PictureRequest {
  prompt: string
  /** Absent: none, which SDXL tells from the empty text. */
  negativePrompt?: string
  seed: number | bigint
}

export interface GenerateRequest {
  pictures: readonly PictureRequest[]
  steps: number
  guidance: number
  /** In pixels; multiples of the VAE's scale (8 in Stable Diffusion). */
  width: number
  height: number
  /** A name of SCHEDULER_NAMES or a class of diffusers; the model's own if absent. */
  scheduler?: string
  sigmas?: SigmaChoice
  /** Replaces the model's scheduler_config.json. */
  schedulerConfig?: SchedulerConfig
  eta?: number
  clipSkip?: number
  /** 'plain' if absent. */
  promptSyntax?: PromptSyntax
  guidanceRescale?: number
  /** Pictures that are denoised together; as many as small pictures allow if absent. */
  batchSize?: number
  /** N(0, 1) latents to start from, of all pictures, instead of the seeds' own. */
  latents?: Float32Array
  /** Image-to-image: what to start from, of the same size, and the share of the steps that run. */
  image?: SourceImage
  strength?: number
  /** Small pictures of the latents with every step. */
  previews?: boolean
}

/** After every step. */
export interface StepEvent {
  /** Indices into the request's pictures. */
  pictures: readonly number[]
  /** Iterations done and in all, over all batches. */
  done: number
  total: number
  latents: Planes
  /** One pixel per latent, [h, w, 3] bytes each; only if the request asks for them. */
  previews?: Uint8Array[]
}

export interface Picture extends PictureRequest {
  index: number
  width: number
  height: number
  /** [height, width, 3] */
  pixels: Uint8Array
  /** The decoded image before rounding, [1, 3, height, width], about −1 … 1. */
  image: Planes
  /** The last latents, [1, channels, h, w]. */
  latents: Planes
}

export interface GenerateOptions {
  signal?: AbortSignal
  onStep?: (event: StepEvent) => void
  /** A finished picture, before the others are. */
  onPicture?: (picture: Picture) => void
}

const MIN_PICTURE_EDGE = 8
/** Latent pixels of one batch where the request names no size: one picture of 512 × 512 at a scale of 8. */
const BATCH_LATENTS = 64 * 64
/** Bytes of intermediate results in float32 per latent and channel of the first level, measured on Stable Diffusion 1.4. */
const UNET_BYTES_PER_CHANNEL = 4 * 40
/** The same per pixel of the VAE's decoder. */
const VAE_BYTES_PER_CHANNEL = 4 * 9

/** What a pipeline is made of (load-pipeline.ts). */
export interface PipelineParts {
  device: ProviderStatus
  /** Bytes of all weights as the device holds them. */
  loadedBytes: number
  networks: Network[]
  textEncoders: TextEncoder[]
  unet: Network
  unetConfig: UnetConfig
  unetWeightInputs: readonly WeightInput[]
  layerInputs: readonly LayerInput[]
  vae: Vae
  openVaeEncoder: () => Promise<Network>
  schedulerConfig: SchedulerConfig
  /** Values of keys that the config lacks, for its own class instead of that class's defaults. */
  schedulerDefaults: SchedulerConfig
  /** Pixels of the pictures that the model was made for. */
  nativeSize: PixelSize
  zerosWithoutNegative: boolean
}

/** Pictures of a size that are denoised together where a request does not say. @param scale of the VAE */
export function picturesTogether({ width, height }: PixelSize, { scale }: { scale: number }): number {
  return Math.max(1, Math.floor((BATCH_LATENTS * scale ** 2) / (width * height)))
}

/** A loaded model that makes pictures. One call at a time; `release` frees its memory and its files. */
export class Pipeline {
  readonly provider: Provider
  /** The UNet's weights as inputs, if it was loaded with `liveUnet`. */
  readonly unetWeightInputs: readonly WeightInput[]
  /** Pixels of the pictures that the model was made for. */
  readonly nativeSize: PixelSize
  /** The same for square pictures: the shorter edge. */
  readonly nativeEdge: number
  /** The networks and configs that it is made of. */
  readonly parts: PipelineParts
  readonly #texts = new Map<string, TextStates>()
  #vaeEncoder: Network | undefined
  #preview: LatentPreview | undefined

  constructor(parts: PipelineParts) {
    this.provider = parts.device.provider
    this.unetWeightInputs = parts.unetWeightInputs
    this.nativeSize = parts.nativeSize
    this.nativeEdge = Math.min(parts.nativeSize.width, parts.nativeSize.height)
    this.parts = parts
  }

  /** Weights for the following pictures, by the names of `unetWeightInputs`. */
  setUnetWeights(weights: Readonly<Record<string, Tensor>>): void {
    this.parts.unet.setWeights(weights)
  }

  /**
   * The scheduler that a request gets: diffusers' class name, and its config.
   * @throws FusionError 'unsupported', 'malformed'
   */
  chooseScheduler(
    { scheduler, sigmas }: Pick<GenerateRequest, 'scheduler' | 'sigmas'>,
    replacement?: SchedulerConfig,
  ): { className: string; config: SchedulerConfig } {
    const { schedulerConfig: own, schedulerDefaults } = this.parts
    const chosen = chooseScheduler(replacement ?? own, scheduler, sigmas)
    const isOwn = !replacement && chosen.className === own['_class_name']
    return isOwn ? { ...chosen, config: { ...schedulerDefaults, ...chosen.config } } : chosen
  }

  /**
   * Makes pictures: the same prompt, seed and settings give what diffusers gives with a CPU generator.
   * @throws FusionError 'validation', 'unsupported' (scheduler), 'cancelled', 'out-of-memory', 'device'
   */
  async generate(request: GenerateRequest, options: GenerateOptions = {}): Promise<Picture[]> {
    const made: Picture[] = []
    for await (const { indices, latents } of this.#denoised(request, options, true)) {
      for (const picture of await this.#decoded(request, indices, latents, options)) {
        made.push(picture)
        options.onPicture?.(picture)
      }
    }
    return made
  }

  /**
   * Runs the networks as `generate` does, without decoding.
   * @returns the last latents of every batch, [count, channels, h, w]
   * @throws as `generate`
   */
  async sampleLatents(
    request: GenerateRequest,
    options: Pick<GenerateOptions, 'signal' | 'onStep'> = {},
  ): Promise<Planes[]> {
    const sampled: Planes[] = []
    for await (const { latents } of this.#denoised(request, options, false)) sampled.push(latents)
    return sampled
  }

  /** Frees all memory and closes the files; the pipeline cannot be used again. */
  async release(): Promise<void> {
    for (const network of this.parts.networks) await network.release()
  }

  /** Denoises one batch after the other. @param decodes whether pictures will be made of the latents */
  async *#denoised(
    request: GenerateRequest,
    options: GenerateOptions,
    decodes: boolean,
  ): AsyncGenerator<{ indices: number[]; latents: Planes }> {
    const { scale } = this.parts.vae.config
    const { width, height, pictures } = request
    checkRequest(request, scale)
    const channels = this.parts.unetConfig.inChannels
    const size = { channels, height: height / scale, width: width / scale }
    const together = request.batchSize ?? picturesTogether(request, { scale })
    this.#checkMemory(Math.min(together, pictures.length), request, decodes)
    if (decodes) await this.parts.vae.decoder() // one that cannot be loaded is told before the work, not after it
    if (request.previews) this.#preview ??= await fitLatentPreview(this.parts.vae)
    for (let first = 0; first < pictures.length; first += together) {
      const indices = Array.from({ length: Math.min(together, pictures.length - first) }, (_, i) => first + i)
      const progress = { batch: first / together, batches: Math.ceil(pictures.length / together) }
      yield {
        indices,
        latents: await this.#batch(request, indices, { ...size, count: indices.length }, progress, options),
      }
    }
  }

  async #batch(
    request: GenerateRequest,
    indices: readonly number[],
    size: LatentSize,
    { batch: batchIndex, batches }: { batch: number; batches: number },
    { signal, onStep }: GenerateOptions,
  ): Promise<Planes> {
    const { unet, unetConfig } = this.parts
    const { guidance, guidanceRescale = 0, width, height } = request
    const chunks = this.#chunks(request, indices)
    const batch: BatchPicture[] = []
    for (const index of indices) {
      cancelled(signal)
      batch.push(await this.#picture(request, request.pictures[index]!, chunks))
    }
    const scheduler = this.#scheduler(request)
    const begin = request.image ? firstIteration(scheduler, request.steps, request.strength ?? 1) : 0
    const perBatch = scheduler.timesteps.length - begin
    const start = await this.#startLatents(request, indices, size, batch, scheduler, begin)
    const runs = { ...size, batch: guidance > 1 ? 2 * size.count : size.count }
    await unet.fitSlices(unetSlices(unetConfig, runs, batch[0]!.positive.tokens))
    const last = await denoise(
      unet,
      start,
      size,
      batch,
      { guidance, guidanceRescale, width, height, scheduler, begin },
      (data, iteration) => {
        const latents = { data, ...size }
        onStep?.({
          pictures: indices,
          done: batchIndex * perBatch + iteration - begin + 1,
          total: batches * perBatch,
          latents,
          ...(request.previews && { previews: this.#preview!(latents) }),
        })
        cancelled(signal)
      },
    )
    return { data: last, ...size }
  }

  async #decoded(
    { pictures, width, height }: GenerateRequest,
    indices: readonly number[],
    latents: Planes,
    { signal }: GenerateOptions,
  ): Promise<Picture[]> {
    const { vae } = this.parts
    const decoder = await vae.decoder()
    await decoder.fitSlices(
      vaeSlices(vae.config, decodedTogether(vae.config, latents.count, latents.height, latents.width)),
    )
    const image = await decodeLatents(vae, latents, () => cancelled(signal))
    const pixels = toPixels(image)
    return indices.map((index, i) => ({
      ...pictures[index]!,
      index,
      width,
      height,
      pixels: pixels[i]!,
      image: one(image, i),
      latents: one(latents, i),
    }))
  }

  /** The chunks of tokens that the longest prompt of a batch takes. */
  #chunks({ pictures, promptSyntax = 'plain' }: GenerateRequest, indices: readonly number[]): number {
    const prompts = indices.flatMap((index) => [pictures[index]!.prompt, pictures[index]!.negativePrompt ?? ''])
    return Math.max(...prompts.map((prompt) => chunkCount(this.parts.textEncoders, prompt, promptSyntax)))
  }

  async #picture(
    { guidance, clipSkip = 0, promptSyntax: syntax = 'plain' }: GenerateRequest,
    { prompt, negativePrompt, seed }: PictureRequest,
    chunks: number,
  ): Promise<BatchPicture> {
    const positive = await this.#encode(prompt, { syntax, clipSkip, chunks })
    const zeros = negativePrompt === undefined && this.parts.zerosWithoutNegative
    // diffusers leaves out layers for the positive prompt only.
    const encodeNegative = () => this.#encode(negativePrompt ?? '', { syntax, clipSkip: 0, chunks })
    const negative = guidance > 1 ? (zeros ? 'zeros' : await encodeNegative()) : null
    return { positive, negative, generator: new TorchGenerator(seed) }
  }

  async #encode(prompt: string, reading: PromptReading): Promise<TextStates> {
    const { clipSkip } = reading
    const key = JSON.stringify([reading, prompt])
    let text = this.#texts.get(key)
    if (!text) {
      const deepest = Math.min(...this.parts.textEncoders.map(({ layers }) => layers)) - 1
      if (!Number.isInteger(clipSkip) || clipSkip < 0 || clipSkip > deepest)
        throw new FusionError('validation', `The clip skip is ${clipSkip}; this model takes 0 to ${deepest}.`)
      text = await encodePrompt(this.parts.textEncoders, prompt, reading)
      if (this.#texts.size >= MAX_KEPT_TEXTS) this.#texts.clear()
      this.#texts.set(key, text)
    }
    return text
  }

  #scheduler({ schedulerConfig, steps, eta, ...request }: GenerateRequest): Scheduler {
    const { className, config } = this.chooseScheduler(request, schedulerConfig)
    return createScheduler(className, config, { steps, ...(eta !== undefined && { eta }) })
  }

  async #startLatents(
    { latents, image }: GenerateRequest,
    indices: readonly number[],
    size: LatentSize,
    batch: readonly BatchPicture[],
    scheduler: Scheduler,
    begin: number,
  ): Promise<Float32Array> {
    if (image) {
      this.#vaeEncoder ??= await this.parts.openVaeEncoder()
      await this.#vaeEncoder.fitSlices(vaeSlices(this.parts.vae.config, { ...size, batch: 1 }))
      return imageLatents(this.#vaeEncoder, this.parts.vae.config, image, batch, size, scheduler, begin)
    }
    const length = size.channels * size.height * size.width
    const noise = latents
      ? latents.subarray(indices[0]! * length, (indices[0]! + indices.length) * length)
      : drawNoise(batch, size)
    return noise.map((value) => value * scheduler.initNoiseSigma)
  }

  #checkMemory(count: number, { width, height, guidance }: GenerateRequest, decodes: boolean): void {
    const { device, loadedBytes, vae, unetConfig } = this.parts
    const latents = (width * height) / vae.config.scale ** 2
    const runs = guidance > 1 ? 2 * count : count
    const size = providerAbilities(device).computeType === 'F16' ? 0.5 : 1
    const unet = runs * latents * unetConfig.levels[0]!.channels * UNET_BYTES_PER_CHANNEL * size
    const decoded = Math.min(width * height, (128 * vae.config.scale) ** 2)
    const vaeBytes = decodes ? decoded * vae.config.channels[0]! * VAE_BYTES_PER_CHANNEL : 0
    requireDeviceMemory(device, `A batch of ${count} at ${width} × ${height}`, Math.max(unet, vaeBytes), loadedBytes)
  }
}

const MAX_KEPT_TEXTS = 256

function one({ data, channels, height, width }: Planes, index: number): Planes {
  const length = channels * height * width
  return { data: data.slice(index * length, (index + 1) * length), count: 1, channels, height, width }
}

function cancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new FusionError('cancelled', 'Making pictures was cancelled.')
}

function checkRequest({ width, height, image, guidance }: GenerateRequest, scale: number): void {
  requirePixels(width, height)
  for (const [name, size] of Object.entries({ width, height }))
    if (!Number.isInteger(size) || size < MIN_PICTURE_EDGE || size % scale !== 0)
      throw new FusionError('validation', `The ${name} is ${size}; this model makes multiples of ${scale} pixels.`)
  if (!Number.isFinite(guidance)) throw new FusionError('validation', `The guidance is ${guidance}, not a number.`)
  if (image && (image.width !== width || image.height !== height))
    throw new FusionError(
      'validation',
      `The image to start from has ${image.width} × ${image.height} pixels, the picture ${width} × ${height}.`,
      { hint: 'Choose the same size, or scale the image first.' },
    )
}
