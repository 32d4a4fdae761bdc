import type { LoraType } from '../../contract/adapter-files'
import type { SourceFile } from '../checkpoint/containers/container'
import { TensorReader } from '../checkpoint/containers/tensor-reader'
import type { TensorView } from '../checkpoint/model/checkpoint'
import { asMatrix } from '../adapter-forms/matrices'
import { MatrixProducts, type Matrix } from '../linear-algebra/matrix-products'
import {
  isExact,
  lostEnergy,
  randomDirections,
  sumOfSquares,
  truncatedSvd,
  type Kept,
  type LowRank,
  type Measured,
} from '../linear-algebra/truncated-svd'
import { ChangeReader } from './layer-change'
import { RoundedTensors } from './rounded-tensors'

/** A layer whose change is to become two factors. */
export interface LayerToFactor {
  base: TensorView
  specialist: TensorView
  kept: Kept
  type: LoraType
}

/** A layer's factors as they are written; alpha is the rank. */
export interface LayerFactors {
  rank: number
  up: Uint8Array
  down: Uint8Array
  /** |D − up · down|² and |D|² of the layer's change D. */
  lost: number
  total: number
}

/** What makes factors: kept from one layer to the next. */
export interface FactorTools {
  products: MatrixProducts
  rounding: RoundedTensors
}

/** Below this part of |D|², what is lost is summed up element by element: a difference of sums would be rounding. */
const SMALL_LOSS = 1e-3

/** Makes the factors of layers, one layer at a time. */
export class LayerFactorizer {
  private readonly reader: TensorReader
  private readonly changes: ChangeReader
  private readonly tools: FactorTools

  /** @param threads of a product; the runtime's own choice if absent */
  constructor(sources: readonly SourceFile[], threads?: number) {
    this.reader = new TensorReader(sources)
    this.changes = new ChangeReader(this.reader)
    this.tools = { products: new MatrixProducts('cpu', threads), rounding: new RoundedTensors() }
  }

  /**
   * @returns null where the specialist did not change the layer
   * @throws FusionError 'not-finite' and whatever reading throws
   */
  async factor({ base, specialist, kept, type }: LayerToFactor): Promise<LayerFactors | null> {
    const [rows, columns] = asMatrix(base.shape)
    const settings = { kept, type, layer: base }
    if (isExact(rows, columns, kept)) {
      const data = this.changes.read(base, specialist, true)
      return factorMatrix({ data, rows, columns }, settings, this.tools)
    }
    const { matrix, ...measured } = this.changes.measure(base, specialist, randomDirections(kept))
    return factorMatrix(matrix, settings, this.tools, measured)
  }

  async release(): Promise<void> {
    this.reader.close()
    await this.tools.products.release()
  }
}

/**
 * The best factors of a layer's change for what is kept, rounded to their type.
 * @param layer for messages
 * @param measured what is known of the matrix already
 * @returns null for a matrix of zeros
 * @throws FusionError 'not-finite' where values are too large for the type
 */
export async function factorMatrix(
  matrix: Matrix,
  { kept, type, layer }: { kept: Kept; type: LoraType; layer: TensorView },
  { products, rounding }: FactorTools,
  measured?: Measured,
): Promise<LayerFactors | null> {
  const found = await truncatedSvd(matrix, kept, products, measured)
  if (!found) return null
  const up = rounding.round(found.up, type, layer)
  const down = rounding.round(found.down, type, layer)
  const lost = await lostBy(matrix, found, { up: up.matrix, down: down.matrix }, products)
  return { rank: found.rank, up: up.bytes, down: down.bytes, lost, total: found.total }
}

/**
 * |D − up · down|² of rounded factors. Columns of the factors are orthogonal and what they leave out is orthogonal to
 * them, so that the energies of what is left out and of both roundings add up; no product as large as D is needed.
 */
async function lostBy(
  matrix: Matrix,
  found: LowRank,
  { up, down }: Pick<LowRank, 'up' | 'down'>,
  products: MatrixProducts,
): Promise<number> {
  const { singularValues, rank, total } = found
  const leftOut = total - sumOfSquares(singularValues.subarray(0, rank))
  if (matrix.data instanceof Float64Array || leftOut < SMALL_LOSS * total)
    return (await lostEnergy(matrix, { up, down }, products)).lost
  const ofColumns = new Float64Array(rank)
  for (let at = 0, k = 0; at < up.data.length; at++, k = k + 1 === rank ? 0 : k + 1)
    ofColumns[k]! += (up.data[at]! - found.up.data[at]!) ** 2
  let rounding = 0
  const { columns } = down
  for (let k = 0; k < rank; k++)
    rounding += singularValues[k]! * (ofColumns[k]! + squaredDistance(down.data, found.down.data, k * columns, columns))
  return leftOut + rounding
}

/** Σ (a − b)² over some of their elements, in float64. */
function squaredDistance(a: Matrix['data'], b: Matrix['data'], start: number, count: number): number {
  // Sums that do not wait for each other.
  let [even, odd] = [0, 0]
  const end = start + count
  for (let at = start; at < end - 1; at += 2) {
    const first = a[at]! - b[at]!
    const second = a[at + 1]! - b[at + 1]!
    even += first * first
    odd += second * second
  }
  return count % 2 === 0 ? even + odd : even + odd + (a[end - 1]! - b[end - 1]!) ** 2
}
