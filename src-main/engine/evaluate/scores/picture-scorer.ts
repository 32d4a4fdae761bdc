import type { ScorerName } from '../../../contract/evaluate/scorers'
import type { Picture } from '../../diffusion/pipeline'

export type ScoredPicture = Pick<Picture, 'width' | 'height' | 'pixels'>

/** A network that judges pictures; one is resident at a time, because the large ones fill a machine's memory. */
export interface PictureScorer {
  readonly name: ScorerName
  /**
   * How good pictures are for one prompt; more is better.
   * @throws FusionError 'out-of-memory', 'device', 'not-finite'
   */
  scores(pictures: readonly ScoredPicture[], prompt: string): Promise<number[]>
  release(): Promise<void>
}
