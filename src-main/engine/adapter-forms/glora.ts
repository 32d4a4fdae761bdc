import { additiveChange } from './additive'
import type { AdapterForm, AddDelta, Factors, WeightShape } from './form'
import { addProduct, asMatrix, misfitOf, packPanels, scaledRows } from './matrices'

/** GLoRA (arXiv 2306.07967, LyCORIS'): D = W · a1 · a2 + b1 · b2; at each position of a convolution's kernel alike. */
export const glora: AdapterForm = {
  name: 'glora',
  title: 'a GLoRA',
  factors: ['a1', 'a2', 'b1', 'b2'],
  is: (shape) => ['a1', 'a2', 'b1', 'b2'].every(shape),
  misfit({ rows, rowLength, inputs }, shape) {
    const [rank] = asMatrix(shape('a2') ?? [])
    const [rankB] = asMatrix(shape('b2') ?? [])
    return misfitOf(shape, { a1: [inputs, rank], a2: [rank, inputs], b1: [rows, rankB], b2: [rankB, rowLength] })
  },
  rank: (shape) => shape('a2')?.[0] ?? null,
  rowChange: (weight, factors, settings, load) =>
    additiveChange(gloraDelta(weight, factors), weight, factors, settings, load),
}

function gloraDelta({ rowLength, inputs, kernel }: WeightShape, factors: Factors): AddDelta {
  const rank = factors.shape('a2')![0]!
  const inner = factors.shape('b2')![0]!
  const [a1, a2, b1] = [factors.whole('a1'), factors.whole('a2'), factors.whole('b1')]
  const panels = packPanels(factors.whole('b2'), inner, rowLength)
  const reduced = new Float64Array(rank * kernel)
  return (block, factor) => {
    const values = block.values.floats(block.rows * rowLength)
    for (let start = 0; start < values.length; start += rowLength) {
      reduced.fill(0)
      for (let input = 0; input < inputs; input++)
        for (let k = 0; k < kernel; k++) {
          const value = values[start + input * kernel + k]! * factor
          for (let p = 0; p < rank; p++) reduced[p * kernel + k]! += value * a1[input * rank + p]!
        }
      for (let input = 0; input < inputs; input++)
        for (let k = 0; k < kernel; k++) {
          let sum = 0
          for (let p = 0; p < rank; p++) sum += reduced[p * kernel + k]! * a2[p * inputs + input]!
          values[start + input * kernel + k]! += sum
        }
    }
    addProduct(block.kernels, block.values, scaledRows(b1, inner, block, factor), panels, {
      rows: block.rows,
      inner,
      columns: rowLength,
    })
  }
}
