import { additiveChange } from './additive'
import type { AdapterForm, AddDelta, FactorProduct, FactorShapes, Factors, WeightShape } from './form'
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
  lowRank: { rank: lokrRank, product: lokrProduct },
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

/** The rank of w1 times that of w2; a whole w1 counts with its smaller side, a whole w2 has no low rank. */
function lokrRank(weight: WeightShape, shape: FactorShapes): number | null {
  if (shape('lokr_w2')) return null
  const first = shape('lokr_w1') ? Math.min(...firstSize(shape)) : asMatrix(shape('lokr_w1_a')!)[1]
  const second = shape('lokr_t2')?.[0] ?? asMatrix(shape('lokr_w2_a')!)[1]
  const rank = first * second
  return rank < Math.min(weight.rows, weight.rowLength) ? rank : null
}

/** kron(w1, w2) of products is the product of krons; a whole matrix is a product with the unit matrix. */
function lokrProduct(weight: WeightShape, factors: Factors): FactorProduct {
  const [out1, in1] = firstSize(factors.shape)
  const size = { outputs: weight.rows / out1, inputs: weight.inputs / in1, kernel: weight.kernel }
  const first = factors.shape('lokr_w1')
    ? withUnit(factors.whole('lokr_w1'), out1, in1)
    : factorsOfProduct('lokr_w1', factors)
  const second = factors.shape('lokr_t2') ? tuckerSecond(factors, size) : factorsOfProduct('lokr_w2', factors)
  return {
    left: kron(first.left, [out1, first.rank], second.left, [size.outputs, second.rank]),
    right: kron(first.right, [first.rank, in1], second.right, [second.rank, size.inputs * size.kernel]),
    rank: first.rank * second.rank,
  }
}

function withUnit(matrix: Float32Array, rows: number, columns: number): FactorProduct {
  const rank = Math.min(rows, columns)
  const unit = new Float32Array(rank * rank)
  for (let i = 0; i < rank; i++) unit[i * rank + i] = 1
  return rows <= columns ? { left: unit, right: matrix, rank } : { left: matrix, right: unit, rank }
}

type Values = Float32Array | Float64Array
type Size = readonly [rows: number, columns: number]

function kron(a: Values, [rows, columns]: Size, b: Values, [innerRows, innerColumns]: Size): Float64Array {
  const width = columns * innerColumns
  const result = new Float64Array(rows * innerRows * width)
  for (let row = 0; row < rows * innerRows; row++)
    for (let column = 0; column < width; column++)
      result[row * width + column] =
        a[Math.floor(row / innerRows) * columns + Math.floor(column / innerColumns)]! *
        b[(row % innerRows) * innerColumns + (column % innerColumns)]!
  return result
}

function factorsOfProduct(name: string, factors: Factors) {
  const rank = asMatrix(factors.shape(`${name}_a`)!)[1]
  return { left: factors.whole(`${name}_a`), right: factors.whole(`${name}_b`), rank }
}

function productOf(name: string, factors: Factors): Float32Array {
  const [rows, rank] = asMatrix(factors.shape(`${name}_a`)!)
  const [, columns] = asMatrix(factors.shape(`${name}_b`)!)
  return multiply(factors.whole(`${name}_a`), factors.whole(`${name}_b`), rows, rank, columns)
}

interface SecondSize {
  outputs: number
  inputs: number
  kernel: number
}

function secondOf(factors: Factors, size: SecondSize): Float32Array {
  if (factors.shape('lokr_w2')) return factors.whole('lokr_w2')
  if (!factors.shape('lokr_t2')) return productOf('lokr_w2', factors)
  const { left, right, rank } = tuckerSecond(factors, size)
  return multiply(left, right, size.outputs, rank, size.inputs * size.kernel)
}

function tuckerSecond(factors: Factors, { outputs, inputs, kernel }: SecondSize) {
  const rank = factors.shape('lokr_t2')![0]!
  const size = { p: rank, q: factors.shape('lokr_w2_b')![0]!, kernel, inputs }
  const right = tuckerRight(factors.whole('lokr_t2'), factors.whole('lokr_w2_b'), size)
  return { left: transposed(factors.whole('lokr_w2_a'), rank, outputs), right, rank }
}
