import { describe, expect, it } from 'vitest'
import { openCheckpoint } from '../../../../src-main/engine/checkpoint/open'
import { readFloats } from '../../../../src-main/engine/checkpoint/containers/stored-values'
import { buildUnet } from '../../../../src-main/engine/architecture/unet'
import { calibratedLayers } from '../../../../src-main/engine/calibrate/calibrate'
import { positionsOf } from '../../../../src-main/engine/layer-inputs/layer-positions'
import { Network } from '../../../../src-main/engine/runtime/network'
import { family } from '../../demo-family'
import { noise } from '../tensor/inputs'

/** Modules of diffusers whose output is that of one layer, and the layer. */
const LAYER_OF_TAP: readonly (readonly [tap: RegExp, layer: string])[] = [
  [/^time_embedding$/, 'time_embedding.linear_2'],
  [/^conv_in$/, 'conv_in'],
  [/^down_blocks\.0$/, 'down_blocks.0.downsamplers.0.conv'],
  [/^up_blocks\.0$/, 'up_blocks.0.upsamplers.0.conv'],
  [/\.transformer_blocks\.0\.attn[12]$/, '.to_out.0'],
  [/\.transformer_blocks\.0\.ff$/, '.net.2'],
]

const checkpoint = await openCheckpoint(family.base.path)
const unet = checkpoint.components.get('unet')!
const layers = calibratedLayers(checkpoint)

/** Every layer's input and the outputs of some of them, at an odd size. */
async function run() {
  const attention = layers.find(({ module }) => module.endsWith('attn1.to_q'))!.module.replace(/\.attn1\.to_q$/, '')
  const names = ['time_embedding', 'conv_in', 'down_blocks.0', 'up_blocks.0']
  const taps = [...names, ...['attn1', 'attn2', 'ff'].map((part) => `${attention}.${part}`)]
  const built = buildUnet(unet.config!, unet.tensors, {
    computeType: 'F32',
    weights: 'initializers',
    attention: 'fused',
    taps,
    layerInputs: layers.map(({ module }) => module),
  })
  const network = await Network.open(built, { provider: 'cpu' })
  const width = Number(unet.config!['cross_attention_dim'])
  const channels = Number(unet.config!['in_channels'])
  const outputs = await network.run({
    sample: { data: noise(2 * channels * 9 * 11, 1), dims: [2, channels, 9, 11] },
    timestep: { data: Float32Array.of(10, 700), dims: [2] },
    encoder_hidden_states: { data: noise(2 * 5 * width, 2), dims: [2, 5, width] },
  })
  await network.release()
  return { built, taps, outputs }
}

describe('inputs of layers', () => {
  it('times the weight plus the bias are the outputs of the layers', async () => {
    const { built, taps, outputs } = await run()
    expect(built.layerInputs.map(({ module }) => module).sort()).toEqual(layers.map(({ module }) => module).sort())
    for (const tap of [...taps.map((name) => `tap/${name}`), 'output']) {
      const name = tap.replace(/^tap\//, '')
      const [, layer] = LAYER_OF_TAP.find(([pattern]) => pattern.test(name)) ?? [null, 'conv_out']
      const module = layer.startsWith('.') ? name + layer : layer
      const input = built.layerInputs.find((candidate) => candidate.module === module)!
      const weight = readFloats(unet.tensors.get(`${module}.weight`)!.stored)
      const bias = readFloats(unet.tensors.get(`${module}.bias`)!.stored)
      const { inputs } = layers.find((candidate) => candidate.module === module)!
      const positions = positionsOf(input, outputs[input.output]!)
      const { data, dims } = outputs[tap]!
      const isImage = dims.length === 4
      const perPicture = isImage ? dims[2]! * dims[3]! : 1
      expect(positions.count * bias.length).toBe(data.length)
      const column = new Float32Array(inputs)
      for (let position = 0; position < positions.count; position += 7) {
        positions.copy(position, column)
        for (const row of [0, bias.length - 1]) {
          const sum = column.reduce((all, value, i) => all + value * weight[row * inputs + i]!, bias[row]!)
          const picture = Math.floor(position / perPicture)
          const at = isImage
            ? (picture * bias.length + row) * perPicture + (position % perPicture)
            : position * bias.length + row
          expect(Number(data[at]), `${module} ${position} ${row}`).toBeCloseTo(sum, 3)
        }
      }
    }
  })
})
