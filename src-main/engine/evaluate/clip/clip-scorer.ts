import type { Checkpoint } from '../../checkpoint/model/checkpoint'
import { preprocessForClip } from '../../diffusion/clip-image'
import type { Picture } from '../../diffusion/pipeline'
import type { Device, ProviderStatus } from '../../runtime/providers'
import type { Provider } from '../../runtime/session'
import type { ClipTokenizer } from '../../tokenizer/tokenizer'
import { loadTokenizer } from '../../tokenizer/vocabulary'
import { clipScore, loadClip, type ClipModel } from './clip-score'

type ScoredPicture = Pick<Picture, 'width' | 'height' | 'pixels'>

/** A CLIP model with the tokenizer that lies in its folder; a PictureScorer. */
export class ClipScorer {
  readonly name = 'clip'

  private constructor(
    private readonly clip: ClipModel,
    private readonly tokenizer: ClipTokenizer,
  ) {}

  /** @throws FusionError 'unsupported', 'not-found' (tokenizer files), 'malformed', 'device', 'out-of-memory' */
  static async load(checkpoint: Checkpoint, device: Device | Provider | ProviderStatus): Promise<ClipScorer> {
    const tokenizer = loadTokenizer(checkpoint.path)
    return new ClipScorer(await loadClip(checkpoint, device), tokenizer)
  }

  /** What CLIP sees in pictures: their embeddings, at unit length. */
  async embeddings(pictures: readonly ScoredPicture[]): Promise<Float32Array[]> {
    const { imageSize: edge, preprocessing } = this.clip
    const size = 3 * edge * edge
    const pixels = new Float32Array(pictures.length * size)
    pictures.forEach(({ width, height, pixels: data }, index) =>
      pixels.set(preprocessForClip({ width, height, channels: 3, data }, edge, preprocessing), index * size),
    )
    return (await this.clip.images(pixels, pictures.length, edge)).embeds
  }

  /** How well pictures fit one prompt. */
  async scores(pictures: readonly ScoredPicture[], prompt: string): Promise<number[]> {
    const embeds = await this.embeddings(pictures)
    const [text] = await this.clip.texts([this.tokenizer.encode(prompt)])
    return embeds.map((image) => clipScore(image, text!))
  }

  async release(): Promise<void> {
    await this.clip.release()
  }
}
