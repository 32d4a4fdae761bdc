import fc from 'fast-check'
import { afterAll, expect, it } from 'vitest'
import { methodSchema } from '../../../../../src-main/contract/document/project'
import { isRotated } from '../../../../../src-main/engine/linear-algebra/svd'
import { MatrixProducts } from '../../../../../src-main/engine/linear-algebra/matrix-products'
import { PLAIN_LAYER, TensorRows } from '../../../../../src-main/engine/merge/fusion/layer-rows'
import { ChangedRows } from '../../../../../src-main/engine/merge/jobs/changed-rows'
import { addedChanges } from '../../../../../src-main/engine/merge/methods/matrices/matrix-layer'
import { Kernels } from '../../../../../src-main/engine/tensor/kernels'
import { floatInputs, noise } from '../../tensor/inputs'

const products = new MatrixProducts()
afterAll(() => products.release())

it('adds changes up in one pass as one after the other, with the same floors', () => {
  const sizes = fc.constantFrom([3, 5], [24, 30], [60, 150], [700, 2000])
  const weights = fc.array(fc.constantFrom(0, 1, -0.5, 0.3), { minLength: 1, maxLength: 4 })
  fc.assert(
    fc.property(sizes, weights, fc.integer({ min: 1, max: 1000 }), ([rows, columns], weights, seed) => {
      const models = [1, ...weights].map((_, model) => noise(rows! * columns!, seed + model))
      const layer = new TensorRows(floatInputs(models), [rows!, columns!], PLAIN_LAYER, 0, null)
      const settings = methodSchema.parse({ name: 'iso-c' })
      const make = (): ChangedRows => {
        const kernels = new Kernels(ChangedRows.memory(layer))
        return new ChangedRows(layer, [1, ...weights], settings, products, kernels, async () => {})
      }
      const [whole, parts] = [make(), make()]
      const sum = whole.sumOfChanges()
      const expected = addedChanges(parts)
      expect(sum.data instanceof Float64Array).toBe(isRotated(rows!, columns!))
      const furthest = Float64Array.from(sum.data).reduce(
        (most, value, at) => Math.max(most, Math.abs(value - expected.data[at]!)),
        0,
      )
      expect(furthest).toBeLessThan(1e-5)
      for (const specialist of whole.specialists)
        expect(whole.floor(specialist)).toBeCloseTo(parts.floor(specialist), 12)
    }),
    { numRuns: 10 },
  )
})
