import { decodeLatents, toPixels } from '../../diffusion/vae'
import type { Pipeline } from '../../diffusion/pipeline'
import type { ClipScorer } from '../clip/clip-scorer'
import type { EvaluationSet } from '../data/evaluation-set'
import type { ChosenDomain } from '../data/splits'
import type { DrawingModel, DrawnRequest, DrawnSettings } from '../drawn/drawn-pictures'
import type { ScoredPicture } from '../scores/picture-scorer'

/** A captioned picture that drawn ones are compared with. */
export interface ReferencePicture {
  domain: string
  caption: string
}

/** What pictures are compared by: of each one vector, those of pictures that look alike near each other. */
export interface PictureFeatures {
  references: readonly ArrayLike<number>[]
  /** Draws pictures with a model and gives the vector of each. */
  draw(
    model: DrawingModel,
    pictures: readonly DrawnRequest[],
    settings: DrawnSettings,
    signal?: AbortSignal,
  ): Promise<ArrayLike<number>[]>
}

/** The pictures of the chosen domains, in their order. */
export function referencesOf(chosen: readonly ChosenDomain[]): ReferencePicture[] {
  return chosen.flatMap(({ name, pictures }) =>
    pictures.map(({ picture }) => ({ domain: name, caption: picture.caption })),
  )
}

/** Pictures as the latents that were denoised: nothing is decoded. */
export function latentFeatures(set: EvaluationSet, chosen: readonly ChosenDomain[]): PictureFeatures {
  return {
    references: referenceLatents(set, chosen),
    async draw({ pipeline }, pictures, settings, signal) {
      const request = { ...settings, ...pipeline.nativeSize, pictures }
      const batches = await pipeline.sampleLatents(request, signal ? { signal } : {})
      return batches.flatMap(({ data, count }) => {
        const size = data.length / count
        return Array.from({ length: count }, (_, index) => data.subarray(index * size, (index + 1) * size))
      })
    },
  }
}

/**
 * Pictures as CLIP sees them: image embeddings of unit length. References are decoded from their latents as drawn ones
 * are, so that what the VAE does to a picture is in both.
 * @param drawn gives what a model draws
 */
export async function clipFeatures(
  pipeline: Pipeline,
  scorer: ClipScorer,
  set: EvaluationSet,
  chosen: readonly ChosenDomain[],
  drawn: (...request: Parameters<PictureFeatures['draw']>) => Promise<ScoredPicture[]>,
): Promise<PictureFeatures> {
  const { vae } = pipeline.parts
  const [channels, height, width] = set.domains[0]!.shape
  const references: Float32Array[] = []
  for (const data of referenceLatents(set, chosen)) {
    const image = await decodeLatents(vae, { data, count: 1, channels, height, width })
    const [pixels] = toPixels(image)
    references.push(...(await scorer.embeddings([{ width: image.width, height: image.height, pixels: pixels! }])))
  }
  return {
    references,
    draw: async (...request) => scorer.embeddings(await drawn(...request)),
  }
}

/**
 * The reference that a picture is nearest to, by Euclidean distance (of vectors of unit length that is the order of their
 * cosines); the first of several equally near ones.
 * @returns its index; null where the picture is NaN or infinite
 */
export function nearestReference(picture: ArrayLike<number>, references: readonly ArrayLike<number>[]): number | null {
  let nearest: number | null = null
  let least = Infinity
  references.forEach((reference, index) => {
    let distance = 0
    for (let i = 0; i < picture.length; i++) distance += (picture[i]! - reference[i]!) ** 2
    if (!(distance < least)) return
    least = distance
    nearest = index
  })
  return nearest
}

function referenceLatents(set: EvaluationSet, chosen: readonly ChosenDomain[]): Float32Array[] {
  return chosen.flatMap(({ name, pictures }) => {
    const { latents, shape } = set.domains.find((domain) => domain.name === name)!
    const size = shape[0] * shape[1] * shape[2]
    return pictures.map(({ index }) => latents.subarray(index * size, (index + 1) * size))
  })
}
