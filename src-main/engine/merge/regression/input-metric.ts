/**
 * What RegMean's smaller off-diagonals make of a ridge problem (method.md, 'RegMean'). With D_m the diagonal of a model's
 * Gram matrix and e = λ + (1 − ρ) Σ D_m, the merge minimises ρ Σ w_m ‖(W − K_m) X_m‖² + Σ_i e_i ‖W_i − P_i‖² over its
 * columns W_i: every input has a pull of its own, e_i, to a mean of its own, P_i = (λ K̄_i + (1 − ρ) Σ D_m,i K_m,i) / e_i.
 * Multiplied by √e_i, rows have the same pull for all inputs.
 */
export class InputMetric {
  /** √e_i; 1 for an input that is 0 in every column, which no column pulls anywhere. */
  private readonly roots: Float64Array
  /** Share of every model's K_m,i in P_i. */
  private readonly shares: readonly Float64Array[]

  /**
   * @param columns √w_m X_m per model, as rows [S_m, d]
   * @param weights α_m
   * @param offDiagonals ρ, below 1
   */
  constructor(
    columns: readonly Float32Array[],
    private readonly inputs: number,
    weights: readonly number[],
    lambda: number,
    offDiagonals: number,
  ) {
    const total = weights.reduce((sum, weight) => sum + weight, 0)
    const own = columns.map((rows) => squaresByInput(rows, inputs).map((square) => (1 - offDiagonals) * square))
    const pulls = Float64Array.from({ length: inputs }, (_, i) =>
      own.reduce((sum, squares) => sum + squares[i]!, lambda),
    )
    this.roots = pulls.map((pull) => (pull > 0 ? Math.sqrt(pull) : 1))
    this.shares = own.map((squares, model) =>
      squares.map((square, i) =>
        pulls[i]! > 0 ? (square + (lambda * weights[model]!) / total) / pulls[i]! : weights[model]! / total,
      ),
    )
  }

  /** Adds a model's part of P to `sums`, both whole rows. */
  addToPrior(sums: Float64Array, rows: Float32Array, model: number): void {
    const { inputs } = this
    const shares = this.shares[model]!
    for (let first = 0; first < rows.length; first += inputs)
      for (let i = 0; i < inputs; i++) sums[first + i]! += shares[i]! * rows[first + i]!
  }

  /** Rows of weights in this metric. */
  multiply(rows: Float32Array): void {
    this.apply(rows, (value, root) => value * root)
  }

  /** Rows of weights as they are, or columns in this metric. */
  divide(rows: Float32Array): void {
    this.apply(rows, (value, root) => value / root)
  }

  private apply(rows: Float32Array, change: (value: number, root: number) => number): void {
    const { inputs, roots } = this
    for (let first = 0; first < rows.length; first += inputs)
      for (let i = 0; i < inputs; i++) rows[first + i] = change(rows[first + i]!, roots[i]!)
  }
}

function squaresByInput(rows: Float32Array, inputs: number): Float64Array {
  const squares = new Float64Array(inputs)
  for (let first = 0; first < rows.length; first += inputs)
    for (let i = 0; i < inputs; i++) squares[i]! += rows[first + i]! ** 2
  return squares
}
