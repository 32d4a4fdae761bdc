import { FusionError } from '../../../contract/errors'
import { buildBlipText, readBlipTextSize, type BlipTextSize } from '../../architecture/blip/blip-text'
import { buildBlipVision, readBlipVisionSize, type BlipVisionSize } from '../../architecture/blip/blip-vision'
import type { NetworkOptions } from '../../architecture/network-graph'
import { openWeights } from '../../checkpoint/containers/open-container'
import { plainViews } from '../../checkpoint/key-maps/name-table'
import type { TensorView } from '../../checkpoint/model/checkpoint'
import { Network } from '../../runtime/network'
import { providerAbilities, type ProviderStatus } from '../../runtime/providers'
import type { Tensor } from '../../runtime/session'
import { WordPieceTokenizer, type WordPieceInput } from '../../tokenizer/word-pieces'
import { inBatches } from '../clip/picture-batches'
import { findImageReward } from './image-reward-files'
import { preprocessForImageReward } from './image-reward-pixels'
import { headNames, headWidth, readLinearHead, type LinearHead } from './linear-head'
import type { OpenScorer, PictureScorer, ScoredPicture } from './picture-scorer'

/** Tokens of a prompt, with both ends. */
const MOST_TOKENS = 35
/** BLIP's own tokens, which follow BERT's vocabulary. */
const ADDED_TOKENS = ['[DEC]', '[ENC]']
/** Mean and deviation of what the head gives for the pictures of its training (ImageReward.py). */
const MEAN = 0.16717362830052426
const DEVIATION = 1.0333394966054072
const HEAD = 'mlp.'

/** ImageReward's weights with the sizes of its networks. */
export interface ImageRewardWeights {
  path: string
  tensors: ReadonlyMap<string, TensorView>
  vision: BlipVisionSize
  text: BlipTextSize
}

/** What ImageReward says of one picture and one prompt. */
export interface Reward {
  /** What the text model says of the prompt's first token. */
  feature: Float32Array
  /** What the head gives. */
  raw: number
  score: number
}

/** ImageReward (BLIP with a head): its folder, or the file of its weights with the others beside it. */
export const openImageReward: OpenScorer = async (path) => {
  const { weights: file, config, vocabulary } = await findImageReward(path)
  const weights = await readImageReward(file, config)
  const tokenizer = new WordPieceTokenizer(vocabulary, ADDED_TOKENS)
  if (tokenizer.size > weights.text.vocabulary)
    throw new FusionError(
      'incompatible',
      `The vocabulary of ${path} has ${tokenizer.size} tokens with BLIP's own, and the weights have ${weights.text.vocabulary}.`,
      { hint: 'Use the vocab.txt of bert-base-uncased.' },
    )
  const length = Math.min(MOST_TOKENS, weights.text.positions)
  return {
    path,
    tensors: usedTensors(weights),
    check: (options) => {
      buildBlipVision(weights.vision, weights.tensors, options)
      buildBlipText(weights.text, weights.tensors, options)
    },
    load: async (device) =>
      new ImageRewardScorer(await ImageReward.open(weights, device), (prompt) => tokenizer.encode(prompt, length)),
  }
}

/** Opens a file of ImageReward's weights. @throws FusionError 'malformed', 'unsupported', naming tensor and file */
export async function readImageReward(
  path: string,
  config: Readonly<Record<string, unknown>>,
): Promise<ImageRewardWeights> {
  const { tensors } = await openWeights(path)
  const views = plainViews(tensors)
  const file = { path, tensors: views }
  const vision = readBlipVisionSize(file)
  const text = readBlipTextSize(file, vision.width, config)
  headWidth(path, views, HEAD, text.width)
  return { path, tensors: views, vision, text }
}

function usedTensors({ tensors }: ImageRewardWeights): TensorView[] {
  const head = new Set(headNames(HEAD))
  return [...tensors.values()].filter(
    ({ name }) => head.has(name) || (/^blip\.(visual|text)_encoder\./.test(name) && !name.endsWith('position_ids')),
  )
}

/** Both networks of ImageReward, and its head. */
export class ImageReward {
  private constructor(
    readonly imageSize: number,
    private readonly vision: Network,
    private readonly text: Network,
    private readonly head: LinearHead,
  ) {}

  /** @throws FusionError 'malformed', 'not-finite', 'device', 'out-of-memory' */
  static async open({ path, vision, text, tensors }: ImageRewardWeights, device: ProviderStatus): Promise<ImageReward> {
    const options: NetworkOptions = { ...providerAbilities(device), weights: 'initializers' }
    const { provider } = device
    const head = readLinearHead(path, tensors, HEAD)
    const seeing = await Network.open(buildBlipVision(vision, tensors, options), { provider })
    try {
      const reading = await Network.open(buildBlipText(text, tensors, options), { provider })
      return new ImageReward(vision.image, seeing, reading, head)
    } catch (error) {
      await seeing.release()
      throw error
    }
  }

  /** @param pixels [count, 3, imageSize, imageSize]; every picture is judged by the one prompt */
  async rewards(pixels: Float32Array, count: number, { ids, mask }: WordPieceInput): Promise<Reward[]> {
    const size = this.imageSize
    const { last_hidden_state: seen } = await this.vision.run({
      pixel_values: { data: pixels, dims: [count, 3, size, size] },
    })
    const { feature } = await this.text.run(
      { input_ids: repeated(ids, count), attention_mask: repeated(mask, count), encoder_hidden_states: seen! },
      ['feature'],
    )
    const width = feature!.data.length / count
    return Array.from({ length: count }, (_, i) => {
      const own = (feature!.data as Float32Array).subarray(i * width, (i + 1) * width)
      const raw = this.head.score(own)
      return { feature: own, raw, score: (raw - MEAN) / DEVIATION }
    })
  }

  async release(): Promise<void> {
    await this.vision.release()
    await this.text.release()
  }
}

class ImageRewardScorer implements PictureScorer {
  readonly name = 'image-reward'

  constructor(
    private readonly network: ImageReward,
    private readonly tokenise: (prompt: string) => WordPieceInput,
  ) {}

  async scores(pictures: readonly ScoredPicture[], prompt: string): Promise<number[]> {
    const { imageSize: size } = this.network
    const words = this.tokenise(prompt)
    return inBatches(
      pictures,
      size,
      (picture) => preprocessForImageReward(picture, size),
      async (pixels, count) => (await this.network.rewards(pixels, count, words)).map(({ score }) => score),
    )
  }

  release(): Promise<void> {
    return this.network.release()
  }
}

function repeated(values: readonly number[], count: number): Tensor {
  const data = BigInt64Array.from(Array.from({ length: count }, () => values).flat(), BigInt)
  return { data, dims: [count, values.length] }
}
