import type { AttendedSize } from '../architecture/attention-slices'
import type { VaeConfig } from '../architecture/vae'
import type { Network } from '../runtime/network'
import type { TorchGenerator } from '../random'

/** Numbers of a batch of images or latents, [count, channels, height, width]. */
export interface Planes {
  data: Float32Array
  count: number
  channels: number
  height: number
  width: number
}

/** Latents along an edge up to which a picture is decoded in one piece: 1024 pixels with a scale of 8. */
const MAX_WHOLE_EDGE = 128
/** Larger ones are decoded in tiles of this many latents, which overlap and are blended. */
const TILE = 64
const OVERLAP = 16
/** Pixels of small pictures that are decoded together. */
const BATCH_PIXELS = 512 * 512

/** An AutoencoderKL; the encoder is there for image-to-image only. */
export interface Vae {
  config: VaeConfig
  /** Loads it where it is not loaded yet. */
  decoder: () => Promise<Network>
}

/** The most that the decoder gets at once of so many latents: several small pictures, one, or a tile. */
export function decodedTogether({ scale }: VaeConfig, count: number, height: number, width: number): AttendedSize {
  if (!isWhole(height, width)) return { batch: 1, height: Math.min(TILE, height), width: Math.min(TILE, width) }
  const together = Math.floor(BATCH_PIXELS / (height * width * scale ** 2))
  return { batch: Math.max(1, Math.min(count, together)), height, width }
}

/**
 * Decodes latents of the diffusion model to images, about −1 … 1, not clamped.
 * @param latents [count, latent channels, h, w], scaled as the diffusion model has them
 * @param beforePart called before each piece of work; may throw to cancel
 */
export async function decodeLatents(
  { config, decoder }: Vae,
  latents: Planes,
  beforePart: () => Promise<void> | void = () => {},
): Promise<Planes> {
  const network = await decoder()
  const { count, channels, height, width } = latents
  const scaled = { ...latents, data: toVaeLatents(latents, config) }
  const size = channels * height * width
  const pixels = height * width * config.scale ** 2
  const together = decodedTogether(config, count, height, width).batch
  const image: Planes = {
    data: new Float32Array(count * config.outChannels * pixels),
    count,
    channels: config.outChannels,
    height: height * config.scale,
    width: width * config.scale,
  }
  for (let first = 0; first < count; first += together) {
    const last = Math.min(count, first + together)
    const part = { ...scaled, count: last - first, data: scaled.data.subarray(first * size, last * size) }
    const decoded = isWhole(height, width)
      ? await decodeWhole(network, part, beforePart)
      : await decodeTiles(network, part, config, beforePart)
    image.data.set(decoded, first * config.outChannels * pixels)
  }
  return image
}

function isWhole(height: number, width: number): boolean {
  return Math.max(height, width) <= MAX_WHOLE_EDGE
}

async function decodeWhole(decoder: Network, z: Planes, beforePart: () => Promise<void> | void): Promise<Float32Array> {
  await beforePart()
  const dims = [z.count, z.channels, z.height, z.width]
  const { image } = await decoder.run({ z: { data: z.data, dims } })
  return image!.data as Float32Array
}

/** Tiles are weighted by ramps over their overlap, so that no seam shows. */
async function decodeTiles(
  decoder: Network,
  z: Planes,
  { scale, outChannels }: VaeConfig,
  beforePart: () => Promise<void> | void,
): Promise<Float32Array> {
  const [height, width] = [z.height * scale, z.width * scale]
  const sums = new Float32Array(outChannels * height * width)
  const weights = new Float32Array(height * width)
  for (const top of tileStarts(z.height)) {
    for (const left of tileStarts(z.width)) {
      const tile = crop(z, top, left, Math.min(TILE, z.height), Math.min(TILE, z.width))
      const decoded = await decodeWhole(decoder, tile, beforePart)
      const [rows, columns] = [tile.height * scale, tile.width * scale]
      const vertical = ramp(rows, OVERLAP * scale)
      const horizontal = ramp(columns, OVERLAP * scale)
      for (let y = 0; y < rows; y++) {
        for (let x = 0; x < columns; x++) {
          const weight = vertical[y]! * horizontal[x]!
          const at = (top * scale + y) * width + left * scale + x
          weights[at]! += weight
          for (let channel = 0; channel < outChannels; channel++)
            sums[channel * height * width + at]! += weight * decoded[(channel * rows + y) * columns + x]!
        }
      }
    }
  }
  return sums.map((sum, index) => sum / weights[index % (height * width)]!)
}

/** Where tiles start along an edge: evenly, overlapping by at least OVERLAP. */
function tileStarts(edge: number): number[] {
  const count = Math.max(1, Math.ceil((edge - OVERLAP) / (TILE - OVERLAP)))
  return Array.from({ length: count }, (_, i) => (count === 1 ? 0 : Math.round((i * (edge - TILE)) / (count - 1))))
}

/** 1 inside, falling towards 0 at both ends. */
function ramp(length: number, overlap: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => Math.min(1, (i + 0.5) / overlap, (length - i - 0.5) / overlap))
}

function crop(from: Planes, top: number, left: number, height: number, width: number): Planes {
  const data = new Float32Array(from.channels * height * width)
  for (let channel = 0; channel < from.channels; channel++)
    for (let y = 0; y < height; y++) {
      const start = (channel * from.height + top + y) * from.width + left
      data.set(from.data.subarray(start, start + width), (channel * height + y) * width)
    }
  return { data, count: 1, channels: from.channels, height, width }
}

/**
 * Encodes one image and draws from its posterior, as diffusers' latent_dist.sample(generator) times the scaling factor.
 * @param image [1, channels, h, w] in −1 … 1
 */
export async function encodeImage(
  encoder: Network,
  config: VaeConfig,
  image: Planes,
  generator: TorchGenerator,
): Promise<Float32Array> {
  const dims = [1, image.channels, image.height, image.width]
  const { mean, logvar } = await encoder.run({ image: { data: image.data, dims } })
  const noise = generator.randn(mean!.data.length)
  const drawn = (mean!.data as Float32Array).map((value, i) => {
    const deviation = Math.fround(Math.exp(Math.fround(0.5 * Number(logvar!.data[i]))))
    return value + Math.fround(deviation * noise[i]!)
  })
  return toModelLatents(drawn, config)
}

/**
 * Encodes one image to the mean of its posterior, as diffusers' latent_dist.mode() times the scaling factor.
 * @param image [1, channels, h, w] in −1 … 1
 */
export async function encodeImageMean(encoder: Network, config: VaeConfig, image: Planes): Promise<Float32Array> {
  const dims = [1, image.channels, image.height, image.width]
  const { mean } = await encoder.run({ image: { data: image.data, dims } }, ['mean'])
  return toModelLatents(mean!.data as Float32Array, config)
}

/** Latents [channels, h, w] of the VAE as the diffusion model has them. */
function toModelLatents(
  latents: Float32Array,
  { scalingFactor, latentStatistics, latentChannels }: VaeConfig,
): Float32Array {
  const factor = Math.fround(scalingFactor)
  if (!latentStatistics) return latents.map((value) => factor * value)
  const plane = latents.length / latentChannels
  const [means, deviations] = [latentStatistics.means, latentStatistics.deviations].map((list) =>
    Float32Array.from(list),
  )
  return latents.map((value, i) => {
    const channel = Math.floor(i / plane)
    return Math.fround(Math.fround(value - means![channel]!) * factor) / deviations![channel]!
  })
}

/** Latents of the diffusion model as the VAE has them. */
function toVaeLatents(
  { data, channels, height, width }: Planes,
  { scalingFactor, latentStatistics }: VaeConfig,
): Float32Array {
  const factor = Math.fround(scalingFactor)
  if (!latentStatistics) return data.map((value) => value / factor)
  const [means, deviations] = [latentStatistics.means, latentStatistics.deviations].map((list) =>
    Float32Array.from(list),
  )
  return data.map((value, i) => {
    const channel = Math.floor(i / (height * width)) % channels
    return Math.fround(Math.fround(value * deviations![channel]!) / factor) + means![channel]!
  })
}

/** Images of about −1 … 1 as bytes, [height, width, 3] each, rounded as diffusers' numpy_to_pil does. */
export function toPixels({ data, count, channels, height, width }: Planes): Uint8Array[] {
  const plane = height * width
  return Array.from({ length: count }, (_, image) => {
    const pixels = new Uint8Array(plane * channels)
    for (let channel = 0; channel < channels; channel++) {
      const start = (image * channels + channel) * plane
      for (let i = 0; i < plane; i++) {
        const unit = Math.min(1, Math.max(0, data[start + i]! / 2 + 0.5))
        pixels[i * channels + channel] = Math.round(unit * 255)
      }
    }
    return pixels
  })
}
