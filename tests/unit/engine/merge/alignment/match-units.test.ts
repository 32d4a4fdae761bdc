import { afterAll, describe, expect, it } from 'vitest'
import { buildUnet } from '../../../../../src-main/engine/architecture/unet'
import { TensorReader } from '../../../../../src-main/engine/checkpoint/containers/tensor-reader'
import type { Component } from '../../../../../src-main/engine/checkpoint/model/checkpoint'
import { openCheckpoint } from '../../../../../src-main/engine/checkpoint/open'
import { MatrixProducts } from '../../../../../src-main/engine/linear-algebra/matrix-products'
import { matchUnits, reorderUnits, type OrderedSpace } from '../../../../../src-main/engine/merge/alignment/match-units'
import { unitSpaces, type UnitSpace } from '../../../../../src-main/engine/merge/alignment/unit-spaces'
import type { Tensor } from '../../../../../src-main/engine/runtime/session'
import { elementCount } from '../../../../../src-main/engine/tensor/element-type'
import { feedComputed } from '../../../../../src-main/engine/diffusion/weight-inputs'
import { Network } from '../../../../../src-main/engine/runtime/network'
import { noise } from '../../tensor/inputs'
import { contents, shuffled } from './shuffled-units'

const products = new MatrixProducts('cpu', 1)
afterAll(() => products.release())

async function align(own: Component, other: Component): Promise<OrderedSpace[]> {
  const reader = new TensorReader()
  try {
    return await matchUnits(own, other, reader, { products })
  } finally {
    reader.close()
  }
}

async function predict(unet: Component, inputs: Record<string, Tensor>): Promise<Float32Array> {
  const built = buildUnet(unet.config!, unet.tensors, {
    computeType: 'F32',
    weights: 'initializers',
    attention: 'fused',
  })
  const network = await Network.open(built, { provider: 'cpu' })
  feedComputed(network, built.weightInputs)
  const { output } = await network.run(inputs, ['output'])
  await network.release()
  return output!.data as Float32Array
}

const tensorOf = (dims: number[], seed: number): Tensor => ({ data: noise(elementCount(dims), seed), dims })
const INPUTS = {
  sd1: {
    sample: tensorOf([1, 4, 8, 8], 1),
    timestep: { data: Float32Array.of(321), dims: [1] },
    encoder_hidden_states: tensorOf([1, 77, 32], 2),
  },
  sdxl: {
    sample: tensorOf([1, 4, 8, 8], 1),
    timestep: { data: Float32Array.of(321), dims: [1] },
    encoder_hidden_states: tensorOf([1, 77, 72], 2),
    text_embeds: tensorOf([1, 32], 3),
    time_ids: { data: Float32Array.of(64, 64, 0, 0, 64, 64), dims: [1, 6] },
  },
}

describe.each(['sd1', 'sdxl'] as const)('the hidden units of %s', (name) => {
  const opened = openCheckpoint(`tests/golden/${name}/pipeline`)
  const unetOf = async (): Promise<Component> => (await opened).components.get('unet')!

  it('are those of all layers whose order changes nothing', async () => {
    const spaces = unitSpaces(await unetOf())
    const count = (kind: UnitSpace['kind']): number => spaces.filter((space) => space.kind === kind).length
    const names = [...(await unetOf()).tensors.keys()]
    const layers = (ending: string): number => names.filter((one) => one.endsWith(ending)).length
    expect(count('attention')).toBe(layers('.to_q.weight'))
    expect(count('feedForward')).toBe(layers('.ff.net.2.weight'))
    expect(count('resnet')).toBe(layers('.conv2.weight'))
    expect(count('time')).toBe(layers('_embedding.linear_1.weight') + 1)
  })

  it('can change places without a change of what the network predicts', async () => {
    const unet = await unetOf()
    const moved = shuffled(unet)
    const before = contents(unet)
    const changed = [...contents(moved)].filter(([tensor, bytes]) => !bytes.equals(before.get(tensor)!))
    expect(changed.length).toBeGreaterThan(100)
    const [expected, found] = [await predict(unet, INPUTS[name]), await predict(moved, INPUTS[name])]
    const peak = Math.max(...expected.map(Math.abs))
    found.forEach((value, at) => expect(Math.abs(value - expected[at]!)).toBeLessThan(1e-5 * peak))
  })

  it('come back into place, bit for bit, however a copy was shuffled', async () => {
    const unet = await unetOf()
    const moved = shuffled(unet)
    const aligned = reorderUnits(moved, await align(unet, moved))
    expect(contents(aligned)).toEqual(contents(unet))
  })

  it('all stay where they are in a copy, and in the text encoders', async () => {
    const { components } = await opened
    for (const part of ['unet', 'text_encoder'] as const) {
      const component = components.get(part)!
      const found = await align(component, component)
      expect(found.length).toBeGreaterThan(0)
      expect(found.every(({ orders }) => orders === null)).toBe(true)
    }
  })

  it('of a shuffled text encoder come back into place', async () => {
    const encoder = (await opened).components.get('text_encoder')!
    const moved = shuffled(encoder)
    expect(contents(reorderUnits(moved, await align(encoder, moved)))).toEqual(contents(encoder))
  })
})

it('are left out where a config tells no heads and groups, and where tensors are missing', async () => {
  const unet = (await openCheckpoint('tests/golden/sd1/pipeline')).components.get('unet')!
  const kinds = (component: Component): Set<string> => new Set(unitSpaces(component).map(({ kind }) => kind))
  expect(kinds({ ...unet, config: null })).toEqual(new Set(['feedForward', 'time']))
  expect(kinds({ ...unet, config: { act_fn: 'mish' } })).toEqual(new Set(['feedForward', 'time']))
  const without = new Map([...unet.tensors].filter(([tensor]) => !tensor.includes('.ff.net.2.')))
  expect(kinds({ ...unet, tensors: without }).has('feedForward')).toBe(false)
  expect(unitSpaces({ ...unet, name: 'vae' })).toEqual([])
})
