import { join } from 'node:path'
import { expect, it } from 'vitest'
import { weightShape } from '../../../../src-main/engine/adapter-forms/matrices'
import { factorsOf } from '../../../../src-main/engine/checkpoint/containers/derived/computed-rows'
import { TensorReader } from '../../../../src-main/engine/checkpoint/containers/tensor-reader'
import { FORMS } from '../../../../src-main/engine/adapter-forms/index'
import { ADAPTERS, changedBase, computedViews, readView } from './adapter-models'

/** Layers of a file whose form can be a product of factors, of any rank. */
const FILES: Record<string, number> = {
  'sd1-kohya-alphas': 3,
  'sd1-locon-tucker': 1,
  'sd1-loha': 3,
  'sd1-loha-tucker': 1,
  'sd1-lokr': 2,
}

it.each(Object.entries(FILES))('factors of %s multiply to what the adapter adds', async (name, least) => {
  const views = computedViews(await changedBase(join(ADAPTERS, `${name}.safetensors`), 1))
  const reader = new TensorReader()
  let layers = 0
  for (const [key, view] of views) {
    const change = view.stored.computed!
    const { form, settings, weight, factors } = change
    const isWhole = factors['lokr_w2'] !== undefined
    const { lowRank } = FORMS[form]
    if (!lowRank || isWhole || view.shape.length < 2) continue
    layers++
    const shape = weightShape(view.shape)
    const { left, right, rank } = lowRank.product(shape, factorsOf(change, reader))
    const before = readView({ ...weight, name: key })
    const after = readView(view)
    let [error, size] = [0, 0]
    for (let row = 0; row < shape.rows; row++)
      for (let column = 0; column < shape.rowLength; column++) {
        let sum = 0
        for (let k = 0; k < rank; k++) sum += left[row * rank + k]! * right[k * shape.rowLength + column]!
        const at = row * shape.rowLength + column
        const delta = after[at]! - before[at]!
        error = Math.max(error, Math.abs(delta - sum * settings.scale))
        size = Math.max(size, Math.abs(delta))
      }
    expect(error, key).toBeLessThan(1e-5 * size + 1e-6)
  }
  reader.close()
  expect(layers).toBeGreaterThanOrEqual(least)
})
