import { additiveChange } from './additive'
import type { AdapterForm, AddDelta, FactorShapes, Factors, WeightShape } from './form'
import { asMatrix, misfitOf, multiply, transposed, tuckerRight } from './matrices'

/**
 * LoKr (LyCORIS): D = kron(w1, w2); each of them whole, or a product; w2 of a convolution also in Tucker's form. With
 * both whole, alpha means nothing.
 */
export const lokr: AdapterForm = {
  name: 'lokr',
  title: 'a LoKr',
  factors: ['lokr_w1', 'lokr_w1_a', 'lokr_w1_b', 'lokr_w2', 'lokr_w2_a', 'lokr_w2_b', 'lokr_t2'],
  is: (shape) => [1, 2].every((n) => shape(`lokr_w${n}`) ?? (shape(`lokr_w${n}_a`) && shape(`lokr_w${n}_b`))),
  misfit(weight, shape) {
    const [out1, in1] = firstSize(shape)
    if (out1 === 0 || in1 === 0 || weight.rows % out1 !== 0 || weight.inputs % in1 !== 0)
      return `lokr_w1 of ${out1} × ${in1} divides no weight of ${weight.rows} × ${weight.inputs}`
    return misfitOf(shape, {
      ...(!shape('lokr_w1') && wantedOfProduct('lokr_w1', out1, in1, shape)),
      ...wantedOfSecond(weight.rows / out1, weight.inputs / in1, weight.kernel, shape),
    })
  },
  rank: (shape) =>
    (shape('lokr_w1') ? undefined : shape('lokr_w1_b')?.[0]) ??
    (shape('lokr_w2') ? undefined : shape('lokr_w2_b')?.[0]) ??
    null,
  rowChange: (weight, factors, settings, load) =>
    additiveChange(lokrDelta(weight, factors), weight, factors, settings, load),
}

/** [outputs, inputs] of w1. */
function firstSize(shape: FactorShapes): [number, number] {
  const whole = shape('lokr_w1')
  if (whole) return asMatrix(whole)
  return [asMatrix(shape('lokr_w1_a') ?? [])[0], asMatrix(shape('lokr_w1_b') ?? [])[1]]
}

function wantedOfProduct(
  name: string,
  rows: number,
  columns: number,
  shape: FactorShapes,
): Record<string, [number, number]> {
  const [rank] = asMatrix(shape(`${name}_b`) ?? [])
  return { [`${name}_a`]: [rows, rank], [`${name}_b`]: [rank, columns] }
}

function wantedOfSecond(
  outputs: number,
  inputs: number,
  kernel: number,
  shape: FactorShapes,
): Record<string, [number, number]> {
  if (shape('lokr_w2')) return { lokr_w2: [outputs, inputs * kernel] }
  const core = shape('lokr_t2')
  if (!core) return wantedOfProduct('lokr_w2', outputs, inputs * kernel, shape)
  const [rank] = asMatrix(shape('lokr_w2_b') ?? [])
  const outer = core[0] ?? 1
  return { lokr_t2: [outer, rank * kernel], lokr_w2_a: [outer, outputs], lokr_w2_b: [rank, inputs] }
}

function lokrDelta(weight: WeightShape, factors: Factors): AddDelta {
  const [out1, in1] = firstSize(factors.shape)
  const first = factors.shape('lokr_w1') ? factors.whole('lokr_w1') : productOf('lokr_w1', factors)
  const out2 = weight.rows / out1
  const width = weight.rowLength / in1
  const second = secondOf(factors, { outputs: out2, inputs: weight.inputs / in1, kernel: weight.kernel })
  return (block, factor) => {
    const target = block.values.floats(block.rows * weight.rowLength)
    for (let row = 0; row < block.rows; row++) {
      const outer = Math.floor((block.firstRow + row) / out2) * in1
      const inner = ((block.firstRow + row) % out2) * width
      for (let i = 0; i < in1; i++) {
        const value = first[outer + i]! * factor
        const start = row * weight.rowLength + i * width
        for (let j = 0; j < width; j++) target[start + j]! += value * second[inner + j]!
      }
    }
  }
}

function productOf(name: string, factors: Factors): Float32Array {
  const [rows, rank] = asMatrix(factors.shape(`${name}_a`)!)
  const [, columns] = asMatrix(factors.shape(`${name}_b`)!)
  return multiply(factors.whole(`${name}_a`), factors.whole(`${name}_b`), rows, rank, columns)
}

function secondOf(
  factors: Factors,
  { outputs, inputs, kernel }: { outputs: number; inputs: number; kernel: number },
): Float32Array {
  if (factors.shape('lokr_w2')) return factors.whole('lokr_w2')
  const core = factors.shape('lokr_t2')
  if (!core) return productOf('lokr_w2', factors)
  const size = { p: core[0]!, q: factors.shape('lokr_w2_b')![0]!, kernel, inputs }
  const right = tuckerRight(factors.whole('lokr_t2'), factors.whole('lokr_w2_b'), size)
  const left = transposed(factors.whole('lokr_w2_a'), size.p, outputs)
  return multiply(left, right, outputs, size.p, inputs * kernel)
}
