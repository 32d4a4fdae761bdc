import type { ElementBlock, ElementwiseContext, ElementwiseMerge, VectorMethod } from '../method'
import { Changes } from '../elementwise/changes'
import { Products } from './products'

/** Merges a tensor by a vector method: products in a first pass, the sum in a second; rows need only one pass. */
export function startVectors(method: VectorMethod, context: ElementwiseContext): ElementwiseMerge {
  const { shape, count, settings } = context
  const along = method.along(settings)
  if (along === 'rows') return startRows(method, context, shape.at(-1) ?? 1)
  // A whole tensor is one column.
  return startColumns(method, context, along === 'tensor' || shape.length === 0 ? 1 : count / shape[0]!)
}

/** Vectors along the first axis: their elements are `width` apart. */
function startColumns(method: VectorMethod, context: ElementwiseContext, width: number): ElementwiseMerge {
  const { weights, settings } = context
  const models = weights.length
  const sums = new Float64Array(Products.count(models) * width)
  const blocks = new BlockVectors(new Changes(context))
  let scanned = 0
  let written = 0
  let factors: Float64Array[] | undefined
  const findFactors = (): Float64Array[] => {
    const found = weights.map(() => new Float64Array(width))
    const whole = width === 1 ? new Products(models, sums) : new Products(models, addedUp(sums, width))
    for (let column = 0; column < width; column++) {
      const products = width === 1 ? whole : new Products(models, sums, column, width)
      factorsOf(method.combine(products, { weights, settings, whole })).forEach((factor, model) => {
        found[model]![column] = factor
      })
    }
    return found
  }
  return {
    scans: [
      (block) => {
        const vectors = blocks.of(block)
        for (let i = 0, pair = 0; i < models; i++)
          for (let j = 0; j <= i; j++, pair++)
            eachRun(scanned, block.count, width, (from, to, column) => {
              addProducts(vectors[i]!, vectors[j]!, from, to, sums, pair * width + column, width)
            })
        scanned += block.count
      },
    ],
    apply(block, into) {
      factors ??= findFactors()
      const vectors = blocks.of(block)
      into.fill(0)
      for (const [model, own] of factors.entries()) {
        const vector = vectors[model]!
        eachRun(written, block.count, width, (from, to, column) => {
          const constant = width === 1
          for (let i = from; i < to; i++) into[i]! += own[constant ? 0 : column + i - from]! * vector[i]!
        })
      }
      written += block.count
    },
  }
}

/** Vectors along the last axis, `length` elements next to each other. */
function startRows(method: VectorMethod, context: ElementwiseContext, length: number): ElementwiseMerge {
  const { weights, settings } = context
  const models = weights.length
  const sums = new Float64Array(Products.count(models))
  const products = new Products(models, sums)
  const blocks = new BlockVectors(new Changes(context, length))
  return {
    runLength: length,
    scans: [],
    apply(block, into) {
      const vectors = blocks.of(block)
      into.fill(0)
      for (let start = 0; start < block.count; start += length) {
        const end = start + length
        sums.fill(0)
        for (let i = 0, pair = 0; i < models; i++)
          for (let j = 0; j <= i; j++, pair++) addProducts(vectors[i]!, vectors[j]!, start, end, sums, pair, 1)
        const factors = factorsOf(method.combine(products, { weights, settings, whole: products }))
        for (let model = 0; model < models; model++) {
          const vector = vectors[model]!
          const factor = factors[model]!
          for (let i = start; i < end; i++) into[i]! += factor * vector[i]!
        }
      }
    },
  }
}

/** The base and the specialists' changes of a block in float64, in arrays that are used again. */
class BlockVectors {
  private base = new Float64Array(0)

  constructor(private readonly changes: Changes) {}

  of(block: ElementBlock): readonly Float64Array[] {
    if (this.base.length !== block.count) this.base = new Float64Array(block.count)
    this.base.set(block.base)
    return [this.base, ...this.changes.of(block)]
  }
}

/** Factors on base and changes for coefficients of models. */
function factorsOf(coefficients: readonly number[]): number[] {
  const [, ...others] = coefficients
  return [coefficients.reduce((sum, value) => sum + value, 0), ...others]
}

/** Adds a · b of a run to one sum (width 1), or element by element to sums next to each other. */
function addProducts(
  a: Float64Array,
  b: Float64Array,
  from: number,
  to: number,
  sums: Float64Array,
  at: number,
  width: number,
): void {
  if (width === 1) {
    let sum = 0
    for (let i = from; i < to; i++) sum += a[i]! * b[i]!
    sums[at]! += sum
    return
  }
  for (let i = from; i < to; i++) sums[at + i - from]! += a[i]! * b[i]!
}

/** The parts of a block that lie in one row of `width` elements each, with the column in which they begin. */
function eachRun(
  start: number,
  count: number,
  width: number,
  visit: (from: number, to: number, column: number) => void,
): void {
  if (width === 1) return visit(0, count, 0)
  for (let from = 0; from < count;) {
    const column = (start + from) % width
    const to = Math.min(count, from + width - column)
    visit(from, to, column)
    from = to
  }
}

/** The sums of all columns. */
function addedUp(sums: Float64Array, width: number): Float64Array {
  return Float64Array.from({ length: sums.length / width }, (_, pair) =>
    sums.subarray(pair * width, (pair + 1) * width).reduce((total, value) => total + value, 0),
  )
}
