import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import type { StoredTensor } from '../../../../../src-main/engine/checkpoint/containers/container'
import { readSafetensors } from '../../../../../src-main/engine/checkpoint/containers/safetensors'
import { TensorReader } from '../../../../../src-main/engine/checkpoint/containers/tensor-reader'
import type { Component } from '../../../../../src-main/engine/checkpoint/model/checkpoint'
import { openCheckpoint } from '../../../../../src-main/engine/checkpoint/open'
import { MatrixProducts } from '../../../../../src-main/engine/linear-algebra/matrix-products'
import { zippedComponent, zipUnits, type ZippedSpace } from '../../../../../src-main/engine/merge/alignment/zip-units'
import { noise } from '../../tensor/inputs'
import { temporaryFolder, tensor, writeModel } from '../models'
import { contents, shuffled } from './shuffled-units'

const SAMPLES = 200
const products = new MatrixProducts('cpu', 1)
afterAll(() => products.release())

/** Inputs of every layer of a network, by module. */
async function inputsOf(component: Component): Promise<Map<string, StoredTensor>> {
  const layers = [...component.tensors.values()].filter(
    ({ name, shape }) => name.endsWith('.weight') && shape.length > 1,
  )
  const tensors = layers.map(({ name, shape }, index) => {
    const inputs = shape.slice(1).reduce((product, size) => product * size, 1)
    return [name, tensor([SAMPLES, inputs], noise(SAMPLES * inputs, index), 'F16')] as const
  })
  const path = writeModel(join(temporaryFolder(), 'inputs.safetensors'), Object.fromEntries(tensors))
  const { tensors: stored } = await readSafetensors(path)
  return new Map(stored.map((one) => [one.name.replace(/\.weight$/, ''), one]))
}

async function zip(own: Component, other: Component, given?: Map<string, StoredTensor>): Promise<ZippedSpace[]> {
  const known = given ?? (await inputsOf(own))
  const reader = new TensorReader()
  const settings = { repeat: 0.3, within: 0.125 }
  try {
    return await zipUnits([own, other], (module) => known.get(module), reader, settings, { products })
  } finally {
    reader.close()
  }
}

/** The largest difference between the mean of two float32 networks and a third, as a part of its tensor's peak. */
function distance(one: Component, other: Component, expected: Component): number {
  const floats = (component: Component, name: string, all: Map<string, Buffer>): Float32Array => {
    const bytes = all.get(name)!
    expect(component.tensors.get(name)!.stored.elementType).toBe('F32')
    return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)
  }
  const [a, b, c] = [contents(one), contents(other), contents(expected)]
  let worst = 0
  for (const name of expected.tensors.keys()) {
    const [x, y, z] = [floats(one, name, a), floats(other, name, b), floats(expected, name, c)]
    const peak = z.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-12)
    z.forEach((value, at) => (worst = Math.max(worst, Math.abs((x[at]! + y[at]!) / 2 - value) / peak)))
  }
  return worst
}

describe('ZipIt! of two networks', async () => {
  const unet = (await openCheckpoint('tests/golden/sd1/pipeline')).components.get('unet')!

  it('that are the same gives it, but for what its program takes off every share', async () => {
    const zipped = await zip(unet, unet)
    expect(zipped.length).toBeGreaterThan(30)
    const halves = ([0, 1] as const).map((model) => zippedComponent(unet, zipped, model))
    expect(distance(halves[0]!, halves[1]!, unet)).toBeLessThan(2e-5)
  })

  it('that are the same in other orders within heads and groups gives it, in the order of the first', async () => {
    // The layers before the sum of time embeddings take hidden units themselves: it is averaged place by place.
    const other = shuffled(unet, false, ({ name }) => !name.includes('sum'))
    const zipped = await zip(unet, other)
    const halves = [zippedComponent(unet, zipped, 0), zippedComponent(other, zipped, 1)] as const
    expect(distance(...halves, unet)).toBeLessThan(2e-5)
  })

  it('keeps every unit once, and pairs scores and channels of resnets one to one within heads and groups', async () => {
    const { components } = await openCheckpoint('tests/golden/checkpoints/style')
    const zipped = await zip(
      (await openCheckpoint('tests/golden/checkpoints/base')).components.get('unet')!,
      components.get('unet')!,
    )
    for (const { space, groups } of zipped)
      groups.forEach((group, set) => {
        const { units, blocks, kind } = space
        expect(group).toHaveLength(units)
        expect(group.flat().sort((a, b) => a - b)).toEqual([...Array(2 * units).keys()])
        const blockOf = (unit: number): number => Math.floor((unit % units) / (units / blocks))
        for (const members of group) expect(new Set(members.map(blockOf)).size).toBe(1)
        if (kind === 'resnet' || (kind === 'attention' && set === 0))
          for (const members of group) expect(members.map((unit) => Math.floor(unit / units))).toEqual([0, 1])
      })
  })

  it('leaves layers alone of which there are no inputs', async () => {
    expect(await zip(unet, unet, new Map())).toEqual([])
  })
})
