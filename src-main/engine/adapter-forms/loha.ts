import { additiveChange } from './additive'
import type { AdapterForm, AddDelta, FactorProduct, FactorShapes, Factors, RowBlock, WeightShape } from './form'
import { addProduct, asMatrix, misfitOf, packPanels, scaledRows, transposed, tuckerRight } from './matrices'

const HALVES = ['1', '2'] as const

/** LoHa (arXiv 2108.06098, as LyCORIS stores it): D is the product, entry by entry, of two low-rank matrices. */
export const loha: AdapterForm = {
  name: 'loha',
  title: 'a LoHa',
  factors: HALVES.flatMap((half) => [`hada_w${half}_a`, `hada_w${half}_b`, `hada_t${half}`]),
  is: (shape) => HALVES.every((half) => shape(`hada_w${half}_a`) && shape(`hada_w${half}_b`)),
  misfit(weight, shape) {
    for (const half of HALVES) {
      const misfit = misfitOf(shape, wantedOf(weight, shape, half))
      if (misfit !== undefined) return misfit
    }
    return undefined
  },
  rank: (shape) => shape('hada_w1_b')?.[0] ?? null,
  lowRank: { rank: lohaRank, product: lohaProduct },
  rowChange: (weight, factors, settings, load) =>
    additiveChange(lohaDelta(weight, factors), weight, factors, settings, load),
}

/** A plain half is [out, r] · [r, in · kernel]; Tucker's has [r, out] and [r, in] on both sides of a core. */
function wantedOf(
  { rows, rowLength, inputs, kernel }: WeightShape,
  shape: FactorShapes,
  half: string,
): Record<string, [number, number]> {
  const [a, b, t] = [`hada_w${half}_a`, `hada_w${half}_b`, `hada_t${half}`]
  const [rank] = asMatrix(shape(b) ?? [])
  const core = shape(t)
  if (!core) return { [a]: [rows, rank], [b]: [rank, rowLength] }
  const outer = core[0] ?? 1
  return { [t]: [outer, rank * kernel], [a]: [outer, rows], [b]: [rank, inputs] }
}

interface Half {
  left: Float32Array
  right: Float32Array
  inner: number
}

function lohaRank({ rows, rowLength }: WeightShape, shape: FactorShapes): number | null {
  const inner = HALVES.map((half) => (shape(`hada_t${half}`) ?? shape(`hada_w${half}_b`))![0]!)
  const rank = inner[0]! * inner[1]!
  return rank < Math.min(rows, rowLength) ? rank : null
}

/** (A₁ B₁) ∘ (A₂ B₂): every column of A₁ times every column of A₂, entry by entry, and the same of the rows of B. */
function lohaProduct(weight: WeightShape, factors: Factors): FactorProduct {
  const { rows, rowLength } = weight
  const [first, second] = HALVES.map((half) => halfOf(weight, factors, half)) as [Half, Half]
  const rank = first.inner * second.inner
  const left = new Float64Array(rows * rank)
  const right = new Float64Array(rank * rowLength)
  for (let i = 0; i < first.inner; i++)
    for (let j = 0; j < second.inner; j++) {
      const k = i * second.inner + j
      for (let row = 0; row < rows; row++)
        left[row * rank + k] = first.left[row * first.inner + i]! * second.left[row * second.inner + j]!
      for (let column = 0; column < rowLength; column++)
        right[k * rowLength + column] = first.right[i * rowLength + column]! * second.right[j * rowLength + column]!
    }
  return { left, right, rank }
}

function lohaDelta(weight: WeightShape, factors: Factors): AddDelta {
  const { rowLength } = weight
  const halves = HALVES.map((half) => {
    const { left, right, inner } = halfOf(weight, factors, half)
    return { left, inner, panels: packPanels(right, inner, rowLength) }
  })
  return (block, factor) => {
    const count = block.rows * rowLength
    const products = halves.map((half, index) => productOf(half, block, rowLength, index === 0 ? factor : 1))
    const target = block.values.floats(count)
    const [first, second] = products.map((product) => product.floats(count))
    for (let i = 0; i < count; i++) target[i]! += first![i]! * second![i]!
  }
}

function halfOf(weight: WeightShape, factors: Factors, half: string): Half {
  const { rows, inputs, kernel } = weight
  const [a, b] = [factors.whole(`hada_w${half}_a`), factors.whole(`hada_w${half}_b`)]
  const rank = factors.shape(`hada_w${half}_b`)![0]!
  const core = factors.shape(`hada_t${half}`)
  if (!core) return { left: a, right: b, inner: rank }
  const outer = core[0]!
  const right = tuckerRight(factors.whole(`hada_t${half}`), b, { p: outer, q: rank, kernel, inputs })
  return { left: transposed(a, outer, rows), right, inner: outer }
}

function productOf(
  { left, panels, inner }: { left: Float32Array; panels: Float32Array; inner: number },
  block: RowBlock,
  rowLength: number,
  factor: number,
) {
  const { kernels, rows } = block
  const product = kernels.allocateMore(rows * rowLength * 4)
  product.floats(rows * rowLength).fill(0)
  addProduct(kernels, product, scaledRows(left, inner, block, factor), panels, { rows, inner, columns: rowLength })
  return product
}
