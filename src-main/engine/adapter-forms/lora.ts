import { additiveChange } from './additive'
import type { AdapterForm, AddDelta, Factors, WeightShape } from './form'
import { addProduct, asMatrix, misfitOf, packPanels, scaledRows, tuckerRight } from './matrices'

/**
 * LoRA (arXiv 2106.09685): D = up · down; LoCon has the kernel of a convolution in `down`, or, in Tucker's form, in
 * `mid` [r, r, kh, kw].
 */
export const lora: AdapterForm = {
  name: 'lora',
  title: 'a LoRA',
  factors: ['up', 'down', 'mid'],
  is: (shape) => shape('up') !== undefined && shape('down') !== undefined,
  misfit(weight, shape) {
    const [rank] = asMatrix(shape('down') ?? [])
    const mid = shape('mid')
    if (!mid) return misfitOf(shape, { up: [weight.rows, rank], down: [rank, weight.rowLength] })
    const outer = mid[0] ?? 1
    return misfitOf(shape, {
      up: [weight.rows, outer],
      mid: [outer, rank * weight.kernel],
      down: [rank, weight.inputs],
    })
  },
  rank: (shape) => shape('down')?.[0] ?? null,
  lowRank: {
    rank: (_weight, shape) => asMatrix(shape('up')!)[1],
    product: (weight, factors) => {
      const right = rightFactor(weight, factors)
      return { left: factors.whole('up'), right, rank: asMatrix(factors.shape('up')!)[1] }
    },
  },
  rowChange: (weight, factors, settings, load) =>
    additiveChange(loraDelta(weight, factors), weight, factors, settings, load),
}

function loraDelta(weight: WeightShape, factors: Factors): AddDelta {
  const inner = asMatrix(factors.shape('up')!)[1]
  const up = factors.whole('up')
  const panels = packPanels(rightFactor(weight, factors), inner, weight.rowLength)
  return (block, factor) =>
    addProduct(block.kernels, block.values, scaledRows(up, inner, block, factor), panels, {
      rows: block.rows,
      inner,
      columns: weight.rowLength,
    })
}

function rightFactor({ inputs, kernel }: WeightShape, factors: Factors): Float32Array {
  const mid = factors.shape('mid')
  if (!mid) return factors.whole('down')
  return tuckerRight(factors.whole('mid'), factors.whole('down'), {
    p: mid[0]!,
    q: factors.shape('down')![0]!,
    kernel,
    inputs,
  })
}
