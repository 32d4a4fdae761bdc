import { GraphBuilder, type Value } from '../../graph/onnx-builder'

/** Rows of the base that share one choice of surviving columns; small, so that few columns survive in each group. */
const ROWS_PER_SELECTION = 128

/**
 * The ONNX graph of one tile of a FeatureFusion merge (method.md, 'Normalisation and merge'): base rows i against rows
 * j of one model. P never leaves it.
 *
 * Inputs, float32: `left` [rows, features] base feature rows of unit length; `right` [columns, features] feature rows of
 * the model, of length σ_j; `inverse` [columns] 1/σ_j (0 for a dead row); `weights` [columns, d] rows k_j;
 * `aside` [columns, 2] bias and 1; with `thresholded` also `threshold` [].
 * With G = left·rightᵀ = P_ij σ_j and W = |P_ij| P_ij σ_j = C_ij σ_i, outputs, float32:
 * `product` [rows, d] W·K; `sums` [rows, 2] W·bias and Σ_j W; `absolute` [rows, 1] Σ_j |W|;
 * `aligned` [rows, 1] Σ_j W·G = Σ_j |P_ij| S_ij² σ_i².
 *
 * @param rows base rows of the tile; all other sizes are left open
 * @param thresholded whether entries with |P| below `threshold` are dropped
 */
export function fusionTileGraph(rows: number, thresholded: boolean): Uint8Array {
  const graph = new GraphBuilder('fusion_tile')
  const left = graph.input('left', 'F32', [rows, 'features'])
  const right = graph.input('right', 'F32', ['columns', 'features'])
  const inverse = graph.input('inverse', 'F32', ['columns'])
  const weights = graph.input('weights', 'F32', ['columns', 'd'])
  const aside = graph.input('aside', 'F32', ['columns', 2])

  const scaled = graph.node('Gemm', [left, right], { transB: 1 })
  const magnitude = graph.node('Mul', [graph.node('Abs', [scaled]), inverse])
  const coefficients = graph.node('Mul', [magnitude, scaled])
  let kept = coefficients
  let product: Value
  if (thresholded) {
    const threshold = graph.input('threshold', 'F32', [])
    const survives = graph.node('GreaterOrEqual', [magnitude, threshold])
    kept = graph.node('Where', [survives, coefficients, graph.floats(0)])
    product = selectedProduct(graph, kept, weights, rows)
  } else {
    product = graph.node('MatMul', [kept, weights])
  }
  graph.output('product', product, 'F32', [rows, 'd'])
  graph.output('sums', graph.node('MatMul', [kept, aside]), 'F32', [rows, 2])
  const lastAxis = graph.ints([1])
  graph.output('absolute', graph.node('ReduceL1', [kept, lastAxis], { keepdims: 1 }), 'F32', [rows, 1])
  const aligned = graph.node('ReduceSum', [graph.node('Mul', [kept, scaled]), lastAxis], { keepdims: 1 })
  graph.output('aligned', aligned, 'F32', [rows, 1])
  return graph.toBytes()
}

/** How many rows of a tile fusionTileGraph multiplies by the model's weights at a time. */
export function rowsPerProduct(rows: number, thresholded: boolean): number[] {
  if (!thresholded) return [rows]
  return Array.from({ length: Math.ceil(rows / ROWS_PER_SELECTION) }, (_, group) =>
    Math.min(ROWS_PER_SELECTION, rows - group * ROWS_PER_SELECTION),
  )
}

/** kept · weights, where each group of rows multiplies only the columns in which it has an entry left. */
function selectedProduct(graph: GraphBuilder, kept: Value, weights: Value, rows: number): Value {
  const firstAxis = graph.ints([0])
  const groups: Value[] = []
  let start = 0
  for (const count of rowsPerProduct(rows, true)) {
    const group = graph.node('Slice', [kept, graph.ints([start]), graph.ints([start + count]), firstAxis])
    start += count
    const largest = graph.node('ReduceL1', [group, firstAxis], { keepdims: 0 })
    const indices = graph.node('Squeeze', [graph.node('NonZero', [largest]), firstAxis])
    const columns = graph.node('Gather', [group, indices], { axis: 1 })
    groups.push(graph.node('MatMul', [columns, graph.node('Gather', [weights, indices], { axis: 0 })]))
  }
  return groups.length === 1 ? groups[0]! : graph.node('Concat', groups, { axis: 0 })
}

/** Products of rows: inputs `left` [rows, features] and `right` [columns, features], output `products` = left · rightᵀ. */
export function rowProductsGraph(): Uint8Array {
  const graph = new GraphBuilder('row_products')
  const left = graph.input('left', 'F32', ['rows', 'features'])
  const right = graph.input('right', 'F32', ['columns', 'features'])
  graph.output('products', graph.node('Gemm', [left, right], { transB: 1 }), 'F32', ['rows', 'columns'])
  return graph.toBytes()
}

/**
 * The correlations of base rows with rows of one model, for looking at: inputs `left`, `right`, `inverse` as in
 * fusionTileGraph, output `correlations` [rows, columns] = P.
 */
export function correlationGraph(): Uint8Array {
  const graph = new GraphBuilder('correlations')
  const left = graph.input('left', 'F32', ['rows', 'features'])
  const right = graph.input('right', 'F32', ['columns', 'features'])
  const inverse = graph.input('inverse', 'F32', ['columns'])
  const scaled = graph.node('Gemm', [left, right], { transB: 1 })
  graph.output('correlations', graph.node('Mul', [scaled, inverse]), 'F32', ['rows', 'columns'])
  return graph.toBytes()
}

/**
 * What the correlations of base rows with rows of one model add up to without a threshold: inputs as correlationGraph's;
 * outputs, float32 [rows, 1]: `largest` max_j |P|, `magnitude` Σ_j |P|, `signed` Σ_j W, `absolute` Σ_j |W|, `aligned`
 * Σ_j W·G with W and G as in fusionTileGraph; and int64 [rows, 1] `best`, the first j of the largest |P|.
 */
export function correlationSummaryGraph(): Uint8Array {
  const graph = new GraphBuilder('correlation_summary')
  const left = graph.input('left', 'F32', ['rows', 'features'])
  const right = graph.input('right', 'F32', ['columns', 'features'])
  const inverse = graph.input('inverse', 'F32', ['columns'])
  const scaled = graph.node('Gemm', [left, right], { transB: 1 })
  const magnitude = graph.node('Mul', [graph.node('Abs', [scaled]), inverse])
  const coefficients = graph.node('Mul', [magnitude, scaled])
  const lastAxis = graph.ints([1])
  const reduced = (name: string, operator: string, value: Value): void =>
    graph.output(name, graph.node(operator, [value, lastAxis], { keepdims: 1 }), 'F32', ['rows', 1])
  reduced('largest', 'ReduceMax', magnitude)
  reduced('magnitude', 'ReduceSum', magnitude)
  reduced('signed', 'ReduceSum', coefficients)
  reduced('absolute', 'ReduceL1', coefficients)
  reduced('aligned', 'ReduceSum', graph.node('Mul', [coefficients, scaled]))
  graph.output('best', graph.node('ArgMax', [magnitude], { axis: 1, keepdims: 1 }), 'I64', ['rows', 1])
  return graph.toBytes()
}

/**
 * Features of weight rows on samples (method.md, 'Statistics of a layer'): inputs `weights` [rows, d] and `samples`
 * [d, S], output `features` [rows, S] = weights · samples, with each row's mean taken off where `centred`.
 */
export function projectionGraph(centred: boolean): Uint8Array {
  const graph = new GraphBuilder('projection')
  const weights = graph.input('weights', 'F32', ['rows', 'd'])
  const samples = graph.input('samples', 'F32', ['d', 'samples'])
  let features = graph.node('MatMul', [weights, samples])
  if (centred) {
    const means = graph.node('ReduceMean', [features, graph.ints([1])], { keepdims: 1 })
    features = graph.node('Sub', [features, means])
  }
  graph.output('features', features, 'F32', ['rows', 'samples'])
  return graph.toBytes()
}
