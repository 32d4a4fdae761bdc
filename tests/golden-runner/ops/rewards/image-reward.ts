import { join } from 'node:path'
import { scorerFilesSchema } from '../../../../src-main/contract/evaluate/scores/scorers'
import { buildBlipText } from '../../../../src-main/engine/architecture/blip/blip-text'
import { buildBlipVision } from '../../../../src-main/engine/architecture/blip/blip-vision'
import type { BuiltNetwork, NetworkOptions } from '../../../../src-main/engine/architecture/network-graph'
import { findImageReward } from '../../../../src-main/engine/evaluate/scores/image-reward-files'
import { preprocessForImageReward } from '../../../../src-main/engine/evaluate/scores/image-reward-pixels'
import { ImageReward, readImageReward } from '../../../../src-main/engine/evaluate/scores/image-reward'
import { loadScorer } from '../../../../src-main/engine/evaluate/scores/load-scorer'
import { Network } from '../../../../src-main/engine/runtime/network'
import { chooseDevice } from '../../../../src-main/engine/runtime/providers'
import type { Tensor } from '../../../../src-main/engine/runtime/session'
import { input, type GoldenCase, type GoldenSet } from '../../golden-set'
import type { OpResult, OpRunner } from '../../run-cases'
import { pictureOf } from './pixels'
import { wordPiecesOf } from './tokens'

const TAP = 'tap/'
const MOST_TOKENS = 35

async function weightsOf(set: GoldenSet) {
  const { weights, config } = await findImageReward(set.modelPath('image-reward'))
  return readImageReward(weights, config)
}

function floats(goldenCase: GoldenCase, name: string): Tensor {
  const { shape } = input(goldenCase, name)
  return { data: Float32Array.from(input(goldenCase, name).values()), dims: shape }
}

function integers(goldenCase: GoldenCase, name: string): Tensor {
  const { shape } = input(goldenCase, name)
  return { data: BigInt64Array.from([...input(goldenCase, name).values()], BigInt), dims: shape }
}

/** Runs one network; taps that were recorded of fewer rows are compared with the first ones. */
async function run(
  goldenCase: GoldenCase,
  build: (options: NetworkOptions) => BuiltNetwork,
  feeds: Record<string, Tensor>,
): Promise<OpResult> {
  const names = Object.keys(goldenCase.outputs)
  const taps = names.filter((name) => name.startsWith(TAP)).map((name) => name.slice(TAP.length))
  const built = build({ computeType: 'F32', weights: 'initializers', attention: 'fused', taps })
  const network = await Network.open(built, { provider: 'cpu' })
  const results = await network.run(feeds, names)
  await network.release()
  const outputs = Object.entries(results).map(([name, { data }]) => {
    const length = goldenCase.outputs[name]!.shape.reduce((product, size) => product * size, 1)
    return [name, (data as Float32Array).subarray(0, length)] as const
  })
  return { outputs: Object.fromEntries(outputs), arithmetic: 'float32' }
}

async function vision(goldenCase: GoldenCase, set: GoldenSet): Promise<OpResult> {
  const { vision: size, tensors } = await weightsOf(set)
  return run(goldenCase, (options) => buildBlipVision(size, tensors, options), {
    pixel_values: floats(goldenCase, 'pixel_values'),
  })
}

async function text(goldenCase: GoldenCase, set: GoldenSet): Promise<OpResult> {
  const { text: size, tensors } = await weightsOf(set)
  return run(goldenCase, (options) => buildBlipText(size, tensors, options), {
    input_ids: integers(goldenCase, 'input_ids'),
    attention_mask: integers(goldenCase, 'attention_mask'),
    encoder_hidden_states: floats(goldenCase, 'encoder_hidden_states'),
  })
}

/** From the picture and the prompt to the score; the pickle must give the same as the safetensors file. */
async function wholeReward(goldenCase: GoldenCase, set: GoldenSet): Promise<OpResult> {
  const prompt = goldenCase.params['prompt'] as string
  const picture = pictureOf(goldenCase, 'image')
  const network = await ImageReward.open(await weightsOf(set), await chooseDevice('cpu'))
  const pixels = preprocessForImageReward(picture, network.imageSize)
  const [reward] = await network.rewards(pixels, 1, wordPiecesOf(set).encode(prompt, MOST_TOKENS))
  await network.release()
  const { feature, raw, score } = reward!
  const pickle = join(set.modelPath('image-reward'), 'ImageReward.pt')
  const scorer = await loadScorer('image-reward', scorerFilesSchema.parse({ 'image-reward': pickle }), {
    device: 'cpu',
  })
  const [same] = await scorer.scores([{ ...picture, pixels: picture.data }], prompt)
  await scorer.release()
  return {
    outputs: { feature, raw: [raw], score: [score] },
    arithmetic: 'float32',
    failures: same === score ? [] : [`ImageReward.pt gives ${same}, ImageReward.safetensors ${score}`],
  }
}

export const imageRewardOps: Record<string, OpRunner> = {
  image_reward_vision: vision,
  image_reward_text: text,
  image_reward: wholeReward,
}
