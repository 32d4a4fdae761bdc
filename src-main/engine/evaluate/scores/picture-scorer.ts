import type { ScorerFiles, ScorerName } from '../../../contract/evaluate/scores/scorers'
import type { NetworkOptions } from '../../architecture/network-graph'
import type { TensorView } from '../../checkpoint/model/checkpoint'
import type { Picture } from '../../diffusion/pipeline'
import type { Device, ProviderStatus } from '../../runtime/providers'
import type { Provider } from '../../runtime/session'

export type ScoredPicture = Pick<Picture, 'width' | 'height' | 'pixels'>

/** A network that judges pictures; one is resident at a time, but for sums of a search: large ones fill the memory. */
export interface PictureScorer {
  readonly name: ScorerName
  /**
   * How good pictures are for one prompt; more is better.
   * @throws FusionError 'out-of-memory', 'device', 'not-finite'
   */
  scores(pictures: readonly ScoredPicture[], prompt: string): Promise<number[]>
  release(): Promise<void>
}

export interface ScorerOptions {
  /** A choice, or what the host's probe found out. */
  device: Device | Provider | ProviderStatus
  /** Path of the bundled CLIP table (resources/clip), for weights that have no tokenizer beside them. */
  clipVocabulary?: string
  /** Stops loading. */
  signal?: AbortSignal
}

/** A scorer whose files were opened from their headers alone. */
export interface OpenedScorer {
  /** What messages call it: the file or folder that a person named. */
  path: string
  /** The weights that it will hold in memory. */
  tensors: readonly TensorView[]
  /**
   * Builds its graphs without loading them.
   * @throws FusionError 'malformed' (a tensor is missing or has another shape: by its name), 'unsupported', 'incompatible'
   */
  check(options: NetworkOptions): void
  /** @throws FusionError 'out-of-memory', 'device' */
  load(device: ProviderStatus): Promise<PictureScorer>
}

/**
 * Opens the files of one kind of scorer from headers and small files beside them.
 * @param path of `files` for this scorer
 * @throws FusionError 'not-found', 'malformed', 'unsupported', 'incompatible'
 */
export type OpenScorer = (path: string, files: ScorerFiles, options: ScorerOptions) => Promise<OpenedScorer>
