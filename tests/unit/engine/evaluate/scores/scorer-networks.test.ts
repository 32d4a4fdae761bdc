import { describe, expect, it } from 'vitest'
import { buildBlipText } from '../../../../../src-main/engine/architecture/blip/blip-text'
import { buildBlipVision } from '../../../../../src-main/engine/architecture/blip/blip-vision'
import type { BuiltNetwork, NetworkOptions } from '../../../../../src-main/engine/architecture/network-graph'
import { openWeights } from '../../../../../src-main/engine/checkpoint/containers/open-container'
import { buildTextOf, buildVisionOf } from '../../../../../src-main/engine/evaluate/clip/clip-weights'
import { readImageReward } from '../../../../../src-main/engine/evaluate/scores/image-reward'
import { openClipWeights } from '../../../../../src-main/engine/evaluate/scores/open-clip-weights'
import { readJsonObjectSync } from '../../../../../src-main/engine/files/reading/json-object'
import type { Tensor } from '../../../../../src-main/engine/runtime/session'
import { difference, noise, run } from '../../architecture/run-networks'

const GOLDEN = 'tests/golden/rewards'
const PLAIN: NetworkOptions = { computeType: 'F32', weights: 'initializers', attention: 'fused' }

const imageReward = () => readImageReward(`${GOLDEN}/image-reward/ImageReward.pt`, {})
const hps = async () =>
  openClipWeights(
    await openWeights(`${GOLDEN}/hps/HPS_tiny.pt`),
    readJsonObjectSync(`${GOLDEN}/hps/open_clip_config.json`),
  )

const integers = (rows: number, values: readonly number[]): Tensor => ({
  data: BigInt64Array.from(values, BigInt),
  dims: [rows, values.length / rows],
})

type Build = (options: NetworkOptions) => BuiltNetwork
const NETWORKS: [name: string, build: () => Promise<Build>, feeds: Record<string, Tensor>][] = [
  [
    'the vision model of ImageReward',
    async () => {
      const { vision, tensors } = await imageReward()
      return (options) => buildBlipVision(vision, tensors, options)
    },
    { pixel_values: noise(1, 2, 3, 48, 48) },
  ],
  [
    'the text model of ImageReward',
    async () => {
      const { text, tensors } = await imageReward()
      return (options) => buildBlipText(text, tensors, options)
    },
    {
      input_ids: integers(2, [4, 49, 64, 5, 0, 4, 50, 5, 0, 0]),
      attention_mask: integers(2, [1, 1, 1, 1, 0, 1, 1, 1, 0, 0]),
      encoder_hidden_states: noise(2, 2, 10, 128),
    },
  ],
  [
    'the vision model of HPS',
    async () => {
      const weights = await hps()
      return (options) => buildVisionOf(weights, options)
    },
    { pixel_values: noise(3, 2, 3, 32, 32) },
  ],
  [
    'the text model of HPS',
    async () => {
      const weights = await hps()
      return (options) => buildTextOf(weights, options)
    },
    { input_ids: integers(1, [672, 320, 548, 673, 0, 0]) },
  ],
]

describe.each(NETWORKS)('%s', (_name, make, feeds) => {
  it('computes nearly the same as graphics cards do: in float16, with plain attention, and in slices', async () => {
    const build = await make()
    const expected = await run(build(PLAIN), feeds)
    const half = await run(build({ ...PLAIN, computeType: 'F16', attention: 1 }), feeds)
    expect(difference(half, expected)).toBeLessThan(2e-2)
    expect(difference(half, expected)).toBeGreaterThan(0)
    const sliced = await run(build({ ...PLAIN, attention: 3 }), feeds)
    expect(difference(sliced, expected)).toBeLessThan(2e-5)
  })
})
