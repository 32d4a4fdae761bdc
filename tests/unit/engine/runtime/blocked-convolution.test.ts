import fc from 'fast-check'
import { expect, it } from 'vitest'
import { blockFilters } from '../../../../src-main/engine/runtime/blocked-convolution'

it('puts every filter value where its output and input lie in their blocks', () => {
  const sizes = fc.record({
    block: fc.constantFrom(1, 8, 16),
    outputs: fc.integer({ min: 1, max: 3 }),
    inputs: fc.integer({ min: 1, max: 3 }),
    height: fc.integer({ min: 1, max: 3 }),
    width: fc.integer({ min: 1, max: 3 }),
  })
  fc.assert(
    fc.property(sizes, ({ block, outputs, inputs, height, width }) => {
      const dims = [outputs * block, inputs * block, height, width] as const
      const filters = Float32Array.from({ length: dims.reduce((product, size) => product * size, 1) }, (_, i) => i)
      const blocked = blockFilters(filters, dims, block)
      for (let output = 0; output < dims[0]; output++)
        for (let input = 0; input < dims[1]; input++)
          for (let place = 0; place < height * width; place++) {
            const group = Math.floor(output / block) * inputs + Math.floor(input / block)
            const within = (place * block + (input % block)) * block + (output % block)
            const at = group * height * width * block * block + within
            expect(blocked[at]).toBe(filters[(output * dims[1] + input) * height * width + place])
          }
    }),
  )
})
