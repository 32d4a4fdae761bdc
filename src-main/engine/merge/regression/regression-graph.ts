import { GraphBuilder } from '../../graph/onnx-builder'

/** Matrices given by rows: `left` [n, k], `right` [m, k] → `product` [n, m] = left · rightᵀ, float32. */
export function rowProductGraph(): Uint8Array {
  const graph = new GraphBuilder('row_product')
  const left = graph.input('left', 'F32', ['n', 'k'])
  const right = graph.input('right', 'F32', ['m', 'k'])
  graph.output('product', graph.node('Gemm', [left, right], { transB: 1 }), 'F32', ['n', 'm'])
  return graph.toBytes()
}

/** `sum` [n, d] = mean [n, d] + left [n, k] · right [k, d], float32. */
export function addedProductGraph(): Uint8Array {
  const graph = new GraphBuilder('added_product')
  const left = graph.input('left', 'F32', ['n', 'k'])
  const right = graph.input('right', 'F32', ['k', 'd'])
  const mean = graph.input('mean', 'F32', ['n', 'd'])
  graph.output('sum', graph.node('Add', [graph.node('MatMul', [left, right]), mean]), 'F32', ['n', 'd'])
  return graph.toBytes()
}

/** What a step of a blocked triangular solve multiplies by: a block [m, k] as its transpose, or a block [k, m]. */
export type BlockFactor = 'transposed' | 'plain'

/**
 * A step of a blocked factorisation, float64: `left` [n, k] and `right` give `result` [n, m] = left · right, or, with
 * `subtracts`, from [n, m] − left · right.
 */
export function blockProductGraph(factor: BlockFactor, subtracts: boolean): Uint8Array {
  const graph = new GraphBuilder('block_product')
  const left = graph.input('left', 'F64', ['n', 'k'])
  const right = graph.input('right', 'F64', factor === 'transposed' ? ['m', 'k'] : ['k', 'm'])
  const from = subtracts ? [graph.input('from', 'F64', ['n', 'm'])] : []
  const result = graph.node('Gemm', [left, right, ...from], {
    transB: factor === 'transposed' ? 1 : 0,
    alpha: { float: subtracts ? -1 : 1 },
  })
  graph.output('result', result, 'F64', ['n', 'm'])
  return graph.toBytes()
}
