import { createHash } from 'node:crypto'
import { basename, extname } from 'node:path'
import type { Pipeline } from '../../diffusion/pipeline'
import { TorchGenerator } from '../../random'
import { readSmallFile } from '../../files/reading/regular-file'
import { SMALL_FILES } from '../../files/reading/small-files'
import { throwIfCancelled } from '../../cancel'
import { findCaptionedImages, type CaptionedImage } from './captioned-images'
import type { EvaluationDescription, EvaluationDomain, EvaluationPicture, EvaluationSet } from './evaluation-set'
import { LatentCache } from './latent-cache'
import { countPictures, type ChosenDomain } from './splits'

/** As the demo family's evaluation set has them. */
const TIMESTEPS = [50, 150, 250, 350, 450, 550, 650, 750, 850, 950]
const NOISES = 5
/** Share of a domain's pictures that is held out where nothing says which ones. */
const HELD_OUT_SHARE = 0.2

/** A folder of captioned pictures as evaluation data: what evaluation.json says of an evaluation set. */
export interface ImageFolder extends Pick<EvaluationDescription, 'timesteps' | 'noises'> {
  /** Of the split and of the noise. */
  seed: number
  domains: { name: string; pictures: (EvaluationPicture & { file: string })[] }[]
}

export interface EncodeOptions {
  /** Of the VAE that encodes (hashComponent): part of the cache's keys. */
  vaeHash: string
  /** Where latents are kept; without it nothing is. */
  cacheFolder?: string
  signal?: AbortSignal
  onProgress?: (done: number, total: number) => void
}

/**
 * Describes a folder of captioned pictures (findCaptionedImages); reads none of them. Pictures of which nothing says it
 * are held out or not by a hash of their name and the seed: a fifth of each domain, pictures of one name in all domains
 * alike where these have as many.
 * @throws what findCaptionedImages throws
 */
export async function describeImageFolder(folder: string, seed: number): Promise<ImageFolder> {
  const images = await findCaptionedImages(folder)
  const names = [...new Set(images.map(({ domain }) => domain))]
  const domains = names.map((name) => ({
    name,
    pictures: withSplits(
      images.filter(({ domain }) => domain === name),
      seed,
    ),
  }))
  return { timesteps: TIMESTEPS, noises: NOISES, seed, domains }
}

function withSplits(images: readonly CaptionedImage[], seed: number): ImageFolder['domains'][number]['pictures'] {
  const open = images.filter(({ split }) => split === null)
  const rank = ({ path }: CaptionedImage): string =>
    createHash('sha256')
      .update(`${seed} ${basename(path, extname(path))}`)
      .digest('hex')
  const ranked = open.map((image) => ({ image, rank: rank(image) })).sort((a, b) => (a.rank < b.rank ? -1 : 1))
  const heldOut = ranked.slice(0, Math.max(1, Math.round(HELD_OUT_SHARE * open.length))).map(({ image }) => image)
  return images.map((image) => ({
    caption: image.caption,
    file: image.path,
    split: image.split ?? (heldOut.includes(image) ? 'held-out' : 'train'),
  }))
}

/**
 * Encodes the chosen pictures of a folder: cut to squares of the model's own size, latents the means of the VAE's
 * posteriors, kept in the cache; noise drawn from the seed and the picture's bytes, so that it does not depend on which
 * other pictures there are.
 * @param pipeline whose VAE encodes
 * @returns the chosen domains and pictures alone, in their order
 * @throws FusionError 'malformed', 'unsupported' and 'validation' with the picture's name, 'cancelled', 'out-of-memory'
 */
export async function encodeImageFolder(
  { timesteps, noises, seed }: ImageFolder,
  chosen: readonly ChosenDomain[],
  pipeline: Pipeline,
  { vaeHash, cacheFolder, signal, onProgress }: EncodeOptions,
): Promise<EvaluationSet> {
  const total = countPictures(chosen)
  let done = 0
  const { vae, unetConfig } = pipeline.parts
  const edge = pipeline.nativeEdge / vae.config.scale
  const size = unetConfig.inChannels * edge * edge
  const cache = new LatentCache(pipeline, vaeHash, cacheFolder)
  try {
    const domains: EvaluationDomain[] = []
    for (const { name, pictures } of chosen) {
      const latents = new Float32Array(pictures.length * size)
      const noise = new Float32Array(pictures.length * noises * size)
      for (const [index, { picture }] of pictures.entries()) {
        throwIfCancelled(signal)
        const file = picture.file!
        const bytes = await readSmallFile(file, SMALL_FILES.picture)
        const hash = createHash('sha256').update(bytes).digest('hex')
        latents.set(await cache.latentsOf(bytes, hash, file), index * size)
        noise.set(new TorchGenerator(seedOf(seed, hash)).randn(noises * size), index * noises * size)
        onProgress?.(++done, total)
      }
      const shape = [unetConfig.inChannels, edge, edge] as const
      domains.push({ name, pictures: pictures.map(({ picture }) => picture), shape, latents, noise })
    }
    return { timesteps, noises, domains }
  } finally {
    await cache.release()
  }
}

/** A 32-bit seed of a picture's own. */
function seedOf(seed: number, hash: string): number {
  return createHash('sha256').update(`${seed} ${hash}`).digest().readUInt32LE(0)
}
