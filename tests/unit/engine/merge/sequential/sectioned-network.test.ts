import { expect, it } from 'vitest'
import { DENOISER_GRAPHS } from '../../../../../src-main/engine/architecture/denoiser-graphs'
import { calibratedLayers } from '../../../../../src-main/engine/calibrate/calibrate'
import { TensorReader } from '../../../../../src-main/engine/checkpoint/containers/tensor-reader'
import { openCheckpoint } from '../../../../../src-main/engine/checkpoint/open'
import { RunStates } from '../../../../../src-main/engine/merge/sequential/run-states'
import { SectionedNetwork } from '../../../../../src-main/engine/merge/sequential/sectioned-network'
import { readWeight } from '../../../../../src-main/engine/diffusion/weight-inputs'
import { Network } from '../../../../../src-main/engine/runtime/network'
import type { Tensor } from '../../../../../src-main/engine/runtime/session'
import { WeightedSum } from '../../../../../src-main/engine/tensor/weighted-sum'
import { denoiserOf } from '../../../../../src-main/engine/checkpoint/denoisers'
import { MODELS, unetInputs } from './recorded'
import { temporaryFolder } from '../models'
import { join } from 'node:path'

it.each([
  ['in memory', 1e9],
  ['on disk', 0],
])(
  'a denoiser in sections gives its layers what the whole gives them, with values in between %s',
  async (_, memory) => {
    const checkpoint = await openCheckpoint(MODELS[0]!.path)
    const modules = calibratedLayers(checkpoint).map(({ module }) => module)
    const { config, tensors } = denoiserOf(checkpoint)!
    const built = DENOISER_GRAPHS.unet.build(config!, tensors, {
      ...{ computeType: 'F32', weights: 'inputs', attention: 'fused', layerInputs: modules },
    })
    const [reader, summing] = [new TensorReader(), new WeightedSum()]
    const weights = Object.fromEntries(
      built.weightInputs.map((input) => [input.name, readWeight(input.view, input, summing, reader)]),
    )
    reader.close()
    const feeds = unetInputs(3, 1)
    const whole = await Network.open(built, { provider: 'cpu', threads: 1 })
    whole.setWeights(weights)
    const expected = await whole.run(feeds)
    await whole.release()

    const network = SectionedNetwork.of(checkpoint, modules, 'cpu')
    const states = new RunStates(join(temporaryFolder(), 'states'), memory)
    const seen: string[] = []
    const given = new Set<string>()
    for (const [index, section] of network.sections.entries()) {
      const taken = states.take('runs', section.takes)
      const session = await network.open(section, taken, { provider: 'cpu', threads: 1 })
      const own: Record<string, Tensor> = { ...feeds, ...weights }
      const inputs = Object.fromEntries(section.inputs.map((name) => [name, own[name]!]))
      const outputs = await session.run({ ...inputs, ...taken })
      await session.release()
      for (const { name } of section.weights) given.add(name)
      for (const { module, output } of section.layers) {
        // A layer's weights are not used before its input is known.
        expect(given).not.toContain(`${module}.weight`)
        const [ours, theirs] = [outputs[output]!, expected[output]!]
        expect(ours.dims).toEqual(theirs.dims)
        const [values, wanted] = [ours.data as Float32Array, theirs.data as Float32Array]
        const size = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
        const off = values.reduce((most, value, i) => Math.max(most, Math.abs(value - wanted[i]!)), 0)
        expect(off, module).toBeLessThan(1e-4 * size + 1e-6)
        seen.push(module)
      }
      states.put('runs', Object.fromEntries(section.gives.map((name) => [name, outputs[name]!])))
      states.keep(new Set(network.sections.slice(index + 1).flatMap(({ takes }) => takes)))
    }
    expect(states.bytes.memory).toBe(0)
    if (memory === 0) expect(states.bytes.disk).toBeGreaterThan(0)
    states.close()
    expect(seen.toSorted()).toEqual(modules.toSorted())
  },
  60_000,
)
