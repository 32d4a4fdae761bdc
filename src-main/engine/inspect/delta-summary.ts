import type { LayerRows } from '../merge/fusion/layer-rows'
import { Kernels } from '../tensor/kernels'

/** What the raw weights of a layer say, all entries together (golden/README.md, 'Heat maps'). */
export interface DeltaSummary {
  /** ‖K_m − K_0‖ / ‖K_0‖ per specialist. */
  deltaNormRatio: number[]
  /** ‖K_0‖. */
  baseNorm: number
  /** Cosine of K_a − K_0 and K_b − K_0, [specialists × specialists]; null where a delta is 0. */
  deltaCosine: (number | null)[]
  /** Pearson correlation of K_a − K_0 and K_b − K_0, [specialists × specialists]; null where a delta is constant. */
  deltaCorrelation: (number | null)[]
  /** Standard deviation over rows of the cosine of the deltas' rows; null where no row has a cosine. */
  deltaRowSpread: (number | null)[]
  /** Σ K_a·K_b / (|K_a||K_b|), [models × models]. */
  weightCosine: number[]
}

/** Elements of every model that are held at a time. */
const CHUNK_ELEMENTS = 1024 * 1024

/** Memory that `deltaSummary` takes beside its results. */
function chunkRows(layer: LayerRows): number {
  return Math.max(1, Math.min(layer.rows, Math.floor(CHUNK_ELEMENTS / layer.inputs)))
}

/**
 * Reads a layer of every model once and sums up sizes and agreements of the deltas, in float64.
 * @param pause called between chunks: throws to stop
 */
export async function deltaSummary(layer: LayerRows, pause: () => Promise<void>): Promise<DeltaSummary> {
  const rows = chunkRows(layer)
  const size = rows * layer.inputs * 4
  const kernels = new Kernels(Kernels.bufferSize(layer.scratchBytes(rows)) + layer.models * Kernels.bufferSize(size))
  const scratch = kernels.allocate(layer.scratchBytes(rows))
  const buffers = Array.from({ length: layer.models }, () => kernels.allocate(size))
  const models = layer.models
  const weights = new Float64Array(models * models)
  const deltas = new Float64Array(models * models)
  const sums = new Float64Array(models)
  const addWeightProducts = (count: number): void => {
    for (let a = 0; a < models; a++)
      for (let b = a; b < models; b++)
        weights[a * models + b]! += kernels.run.dot(buffers[a]!.pointer, buffers[b]!.pointer, count)
  }
  const spreads = Array.from({ length: models * models }, () => new Spread())
  const addRowProducts = (taken: number): void => {
    const products = new Float64Array(models * models)
    for (let row = 0; row < taken; row++) {
      const at = row * layer.inputs * 4
      for (let a = 1; a < models; a++)
        for (let b = a; b < models; b++) {
          const product = kernels.run.dot(buffers[a]!.pointer + at, buffers[b]!.pointer + at, layer.inputs)
          products[a * models + b] = product
          deltas[a * models + b]! += product
        }
      for (let a = 1; a < models; a++)
        for (let b = a; b < models; b++) {
          const lengths = Math.sqrt(products[a * models + a]! * products[b * models + b]!)
          if (lengths > 0) spreads[a * models + b]!.add(products[a * models + b]! / lengths)
        }
    }
  }
  for (let start = 0; start < layer.rows; start += rows) {
    await pause()
    const taken = Math.min(rows, layer.rows - start)
    const count = taken * layer.inputs
    buffers.forEach((buffer, model) => layer.read(model, start, taken, buffer, scratch, kernels))
    addWeightProducts(count)
    for (let model = 1; model < models; model++) {
      const { pointer } = buffers[model]!
      kernels.run.addScaled(pointer, buffers[0]!.pointer, count, -1)
      sums[model]! += kernels.run.sum(pointer, count)
    }
    addRowProducts(taken)
  }
  const entries = layer.rows * layer.inputs
  const product = (of: Float64Array, a: number, b: number): number => of[Math.min(a, b) * models + Math.max(a, b)]!
  const covariance = (a: number, b: number): number => product(deltas, a, b) - (sums[a]! * sums[b]!) / entries
  const specialists = Array.from({ length: models - 1 }, (_, index) => index + 1)
  const all = [0, ...specialists]
  const quotient = (above: number, below: number): number | null => (below > 0 ? above / below : null)
  return {
    deltaNormRatio: specialists.map((m) => Math.sqrt(product(deltas, m, m) / product(weights, 0, 0))),
    baseNorm: Math.sqrt(product(weights, 0, 0)),
    deltaCosine: specialists.flatMap((a) =>
      specialists.map((b) => quotient(product(deltas, a, b), Math.sqrt(product(deltas, a, a) * product(deltas, b, b)))),
    ),
    deltaCorrelation: specialists.flatMap((a) =>
      specialists.map((b) => quotient(covariance(a, b), Math.sqrt(covariance(a, a) * covariance(b, b)))),
    ),
    deltaRowSpread: specialists.flatMap((a) =>
      specialists.map((b) => spreads[Math.min(a, b) * models + Math.max(a, b)]!.deviation),
    ),
    weightCosine: all.flatMap((a) =>
      all.map((b) => product(weights, a, b) / Math.sqrt(product(weights, a, a) * product(weights, b, b))),
    ),
  }
}

/** Standard deviation of numbers as they come (Welford). */
class Spread {
  private count = 0
  private mean = 0
  private squares = 0

  add(value: number): void {
    this.count++
    const difference = value - this.mean
    this.mean += difference / this.count
    this.squares += difference * (value - this.mean)
  }

  /** Null without any number. */
  get deviation(): number | null {
    return this.count > 0 ? Math.sqrt(this.squares / this.count) : null
  }
}
