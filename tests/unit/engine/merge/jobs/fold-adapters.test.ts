import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { TensorReader } from '../../../../../src-main/engine/checkpoint/containers/tensor-reader'
import type { TensorView } from '../../../../../src-main/engine/checkpoint/model/checkpoint'
import { openCheckpoint } from '../../../../../src-main/engine/checkpoint/open'
import { foldAdapters } from '../../../../../src-main/engine/merge/jobs/fold-adapters'
import { viewInputs } from '../../../../../src-main/engine/merge/jobs/view-inputs'
import { WeightedSum, type LinearCombination } from '../../../../../src-main/engine/tensor/weighted-sum'
import { ADAPTERS, BASE, changedBase, computedViews } from '../../adapters/adapter-models'

const LORA = 'tests/golden/lora/sd1-kohya.safetensors'
const LOHA = join(ADAPTERS, 'sd1-loha.safetensors')
const LOKR = join(ADAPTERS, 'sd1-lokr.safetensors')
const DORA = join(ADAPTERS, 'sd1-dora-out.safetensors')

/** The tensors of the base's UNet in several models, which are changed by adapters or not. */
async function unets(models: readonly (string | null)[]): Promise<TensorView[][]> {
  const base = await openCheckpoint(BASE)
  const tensors = await Promise.all(
    models.map(async (path) => (path ? await changedBase(path, 0.8) : base).components.get('unet')!.tensors),
  )
  return [...base.components.get('unet')!.tensors.keys()].map((name) => tensors.map((own) => own.get(name)!))
}

function sumOf(views: readonly TensorView[], combination: LinearCombination): Float32Array {
  const reader = new TensorReader()
  const inputs = viewInputs(views, reader)
  const sums = new WeightedSum()
  const values = new Float32Array(inputs.count)
  for (let start = 0; start < inputs.count; start += sums.capacity) {
    const count = Math.min(sums.capacity, inputs.count - start)
    const { bytes } = sums.sum(inputs, combination, start, count, 'F32')
    values.set(new Float32Array(bytes.slice().buffer), start)
  }
  reader.close()
  return values
}

const peak = (values: Float32Array): number => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0)

describe('adapters of one base in a linear merge', () => {
  it.each([
    { coefficients: [-2, 1, 1, 1], divisor: 1 },
    { coefficients: [1, 1, 1, 1], divisor: 4 },
    { coefficients: [0, 0.5, 0.7, -0.3], divisor: 0.9 },
  ])('are one tensor, with the sum that they have apart: %o', async (combination) => {
    let folded = 0
    for (const views of await unets([null, LORA, LOHA, LOKR])) {
      const one = foldAdapters(views, combination)
      if (views.some(({ stored }) => stored.computed)) {
        folded++
        expect(one.views, views[0]!.name).toHaveLength(1)
      } else expect(one, views[0]!.name).toEqual({ views, combination })
      const apart = sumOf(views, combination)
      const together = sumOf(one.views, one.combination)
      const error = peak(together.map((value, at) => value - apart[at]!))
      expect(error, views[0]!.name).toBeLessThanOrEqual(1e-6 * peak(apart))
    }
    expect(folded).toBeGreaterThan(10)
  })

  it('are apart where an adapter does more than add', async () => {
    const views = (await unets([null, LORA, DORA])).find((all) =>
      all.every((view, at) => at === 0 || view.stored.computed),
    )!
    const { views: left, combination } = foldAdapters(views, { coefficients: [1, 1, 1], divisor: 3 })
    expect(combination).toEqual({ coefficients: [2, 1], divisor: 3 })
    expect(left[1]).toBe(views[2])
  })

  it('are apart where their coefficients nearly cancel out', async () => {
    const [view] = computedViews(await changedBase(LORA, 1)).values()
    const base = (await openCheckpoint(BASE)).components.get('unet')!.tensors.get(view!.name)!
    for (const coefficients of [
      [-1, 1, 1],
      [-1 + 1e-12, 1, 1],
    ]) {
      const combination = { coefficients, divisor: 1 }
      expect(foldAdapters([base, view!, base], { ...combination }).views.length).toBe(1)
      expect(foldAdapters([base, view!], combination)).toEqual({ views: [base, view!], combination })
    }
  })

  it('sum to the base itself where no strength is left', async () => {
    const [view] = computedViews(await changedBase(LORA, 1)).values()
    const base = (await openCheckpoint(BASE)).components.get('unet')!.tensors.get(view!.name)!
    const folded = foldAdapters([base, view!, view!], { coefficients: [1, 2, -2], divisor: 1 })
    expect(folded.views).toHaveLength(1)
    const own = sumOf([base], { coefficients: [1], divisor: 1 })
    const error = peak(sumOf(folded.views, folded.combination).map((value, at) => value - own[at]!))
    expect(error).toBeLessThanOrEqual(1e-6 * peak(own))
  })
})

it('elements that several models share are read once, and summed as if they were read for each', async () => {
  const base = await openCheckpoint(BASE)
  const [name] = base.components.get('unet')!.tensors.keys()
  const shared = base.components.get('unet')!.tensors.get(name!)!
  const again = (await openCheckpoint(BASE)).components.get('unet')!.tensors.get(name!)!
  const combination = { coefficients: [0.1, 0.7, 0.3], divisor: 1.1 }
  expect(sumOf([shared, shared, shared], combination)).toEqual(sumOf([shared, again, shared], combination))
  const reader = new TensorReader()
  const inputs = viewInputs([shared, shared, again], reader)
  const read: number[] = []
  const counted = {
    ...inputs,
    read: (model: number, start: number, into: Uint8Array) => (read.push(model), inputs.read(model, start, into)),
  }
  new WeightedSum().sum(counted, combination, 0, 4, 'F16')
  reader.close()
  expect(read).toEqual([0, 2])
})
