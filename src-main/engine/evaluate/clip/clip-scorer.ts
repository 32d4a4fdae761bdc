import type { ScorerName } from '../../../contract/evaluate/scores/scorers'
import type { Checkpoint } from '../../checkpoint/model/checkpoint'
import { preprocessForClip } from '../../diffusion/clip-image'
import type { Picture as DrawnPicture } from '../../diffusion/pipeline'
import type { Picture } from '../../image/resample'
import { chooseDevice, type Device, type ProviderStatus } from '../../runtime/providers'
import type { Provider } from '../../runtime/session'
import { loadTokenizer } from '../../tokenizer/vocabulary'
import { ClipModel, clipScore } from './clip-score'
import { clipWeights, type ClipWeights } from './clip-weights'
import { inBatches } from './picture-batches'

type ScoredPicture = Pick<DrawnPicture, 'width' | 'height' | 'pixels'>

/** How a scorer that is a CLIP model takes pictures and prompts, and what it makes of them. */
export interface ClipJudgement<Name extends ScorerName = ScorerName> {
  name: Name
  /** [3, size, size] */
  pixels(picture: Picture, size: number): Float32Array
  ids(prompt: string): number[]
  /** Of two vectors of unit length. @param logitFactor exp(logit_scale) */
  score(image: Float32Array, text: Float32Array, logitFactor: number): number
}

/** A CLIP model that judges pictures: a PictureScorer. */
export class ClipScorer<Name extends ScorerName = ScorerName> {
  private constructor(
    private readonly clip: ClipModel,
    private readonly judgement: ClipJudgement<Name>,
  ) {}

  /** The CLIP score, with the tokenizer and preprocessing that lie in the model's folder. */
  static async load(checkpoint: Checkpoint, device: Device | Provider | ProviderStatus): Promise<ClipScorer<'clip'>> {
    const weights = clipWeights(checkpoint)
    return ClipScorer.open(weights, clipJudgement('clip', weights, clipScore), await chooseDevice(device))
  }

  /** @throws FusionError 'unsupported', 'malformed', 'incompatible', 'device', 'out-of-memory' */
  static async open<Name extends ScorerName>(
    weights: ClipWeights,
    judgement: ClipJudgement<Name>,
    device: ProviderStatus,
  ): Promise<ClipScorer<Name>> {
    return new ClipScorer(await ClipModel.open(weights, device), judgement)
  }

  get name(): Name {
    return this.judgement.name
  }

  /** What CLIP sees in pictures: their embeddings, at unit length. */
  async embeddings(pictures: readonly ScoredPicture[]): Promise<Float32Array[]> {
    const { clip, judgement } = this
    const size = clip.imageSize
    return inBatches(
      pictures,
      size,
      (picture) => judgement.pixels(picture, size),
      async (pixels, count) => (await clip.images(pixels, count, size)).embeds,
    )
  }

  /** How well pictures fit one prompt. */
  async scores(pictures: readonly ScoredPicture[], prompt: string): Promise<number[]> {
    const { clip, judgement } = this
    const embeds = await this.embeddings(pictures)
    const [text] = await clip.texts([judgement.ids(prompt)])
    return embeds.map((image) => judgement.score(image, text!, clip.logitFactor))
  }

  async release(): Promise<void> {
    await this.clip.release()
  }
}

/**
 * A judgement by a transformers folder's own tokenizer and preprocessing.
 * @throws FusionError 'not-found' (tokenizer files), 'malformed'
 */
export function clipJudgement<Name extends ScorerName>(
  name: Name,
  { path, preprocessing }: ClipWeights,
  score: ClipJudgement['score'],
): ClipJudgement<Name> {
  const tokenizer = loadTokenizer(path)
  return {
    name,
    pixels: (picture, size) => preprocessForClip(picture, size, preprocessing),
    ids: (prompt) => tokenizer.encode(prompt),
    score,
  }
}
