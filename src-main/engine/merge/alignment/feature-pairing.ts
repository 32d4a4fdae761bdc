import { FusionError } from '../../../contract/errors'
import type { Matrix, MatrixProducts } from '../../linear-algebra/matrix-products'

/** How features are paired (ZipIt!, section 4). */
export interface PairingSettings {
  /** Part of a similarity that is left to a feature that is merged already; 0: see `PairSearch.join`. */
  repeat: number
  /** Part of the merges that may be within one model; one merge always may. */
  within: number
}

/** Least product of two standard deviations that a covariance is divided by. */
const LEAST_DEVIATION = 1e-7

/**
 * Correlations of features over their samples: cov(i, j) / max(σᵢ σⱼ, 1e-7), with the number of samples as divisor.
 * @param features [count, samples]: they are centred in place
 * @returns [count, count] in the element type of the features
 */
export async function featureCorrelations(features: Matrix, products: MatrixProducts): Promise<Matrix> {
  const { rows: count, columns: samples, data } = features
  for (let i = 0; i < count; i++) {
    const row = data.subarray(i * samples, (i + 1) * samples)
    let sum = 0
    for (const value of row) sum += value
    for (let k = 0; k < samples; k++) row[k] = row[k]! - sum / samples
  }
  const product = await products.multiply(features, features, 'right transposed')
  const found = product.data
  const deviations = Float64Array.from({ length: count }, (_, i) => Math.sqrt(found[i * count + i]! / samples))
  for (let i = 0; i < count; i++)
    for (let j = 0; j < count; j++)
      found[i * count + j] =
        found[i * count + j]! / samples / Math.max(deviations[i]! * deviations[j]!, LEAST_DEVIATION)
  return product
}

/**
 * Features of models put together until as many are left as one model has: the two most alike, again and again, within
 * models and across them. What a merged feature is alike to is the least of what its parts are, times `repeat`.
 *
 * @param correlations [models · size, models · size], all features of one model after those of the other; they are changed
 * @returns the features of every merged one, in the order of the first of them; `size` groups
 * @throws FusionError 'internal' where nothing is left that may be put together: never for two models with `repeat` > 0
 */
export function pairFeatures(correlations: Matrix, models: number, settings: PairingSettings): number[][] {
  const size = correlations.rows / models
  const search = new PairSearch(correlations.data, size, models, settings)
  while (search.count > size) search.joinBest()
  return search.groups()
}

/** What each of the features that are put together counts in the merged one: as ZipIt!'s program has it, a little less than its part. */
export function groupShare(features: number): number {
  return 1 / (features + 1e-5)
}

class PairSearch {
  /** Features that are left. */
  count: number
  private readonly total: number
  private readonly members: number[][]
  private readonly modelOf: Int32Array
  private readonly isLeft: Uint8Array
  /** Merges within each model that are still allowed. */
  private readonly budgets: number[]
  /** By feature: the most alike of those that are left, the first of equals. */
  private readonly best: Int32Array

  /** @param alike [total, total], changed */
  constructor(
    private readonly alike: Matrix['data'],
    private readonly size: number,
    models: number,
    private readonly settings: PairingSettings,
  ) {
    const total = size * models
    this.total = this.count = total
    this.members = Array.from({ length: total }, (_, i) => [i])
    this.modelOf = Int32Array.from({ length: total }, (_, i) => Math.floor(i / size))
    this.isLeft = new Uint8Array(total).fill(1)
    this.budgets = new Array<number>(models).fill(Math.floor(((total - size) / models) * settings.within + 1e-4))
    this.best = new Int32Array(total)
    for (let i = 0; i < total; i++) alike[i * total + i] = -Infinity
    for (let i = 0; i < total; i++) this.search(i)
  }

  groups(): number[][] {
    return this.members.filter((_, i) => this.isLeft[i])
  }

  joinBest(): void {
    const { alike, total, best, isLeft } = this
    let first = -1
    let most = -Infinity
    for (let i = 0; i < total; i++) {
      if (!isLeft[i] || !(alike[i * total + best[i]!]! > most)) continue
      most = alike[i * total + best[i]!]!
      first = i
    }
    if (first < 0) throw new FusionError('internal', 'No features are left that may be put together.')
    this.join(Math.min(first, best[first]!), Math.max(first, best[first]!))
  }

  /** Puts feature `j` to feature `i`, which comes before it. */
  private join(i: number, j: number): void {
    const { alike, total, members, modelOf, budgets, isLeft, settings } = this
    const joint = new Float64Array(total)
    for (let k = 0; k < total; k++) joint[k] = Math.min(alike[i * total + k]!, alike[j * total + k]!)
    // As published: a merged feature is closed to the places of both models as they were at the start.
    if (settings.repeat <= 0) this.closeSlices(joint, [modelOf[i]!, modelOf[j]!])
    else for (let k = 0; k < total; k++) joint[k] = joint[k]! * settings.repeat
    joint[i] = -Infinity
    members[i] = [...members[i]!, ...members[j]!]
    isLeft[j] = 0
    this.count--
    for (let k = 0; k < total; k++) alike[i * total + k] = alike[k * total + i] = joint[k]!
    const model = modelOf[i]!
    const isWithin = model === modelOf[j]
    if (isWithin && --budgets[model]! <= 0) this.closeModel(model)
    this.searchAgain(i, j)
  }

  /** The features of the models by their places among all that are left, `j` among them. */
  private closeSlices(joint: Float64Array, models: readonly number[]): void {
    let place = 0
    for (let k = 0; k < this.total; k++) {
      if (!this.isLeft[k]) continue
      if (models.includes(Math.floor(place / this.size))) joint[k] = -Infinity
      place++
    }
  }

  private closeModel(model: number): void {
    const { alike, total, modelOf, isLeft } = this
    const own = [...modelOf.keys()].filter((i) => isLeft[i] && modelOf[i] === model)
    for (const i of own) for (const j of own) alike[i * total + j] = -Infinity
    for (const i of own) this.search(i)
  }

  /** The best of all features after `j` became part of `i`. */
  private searchAgain(i: number, j: number): void {
    const { alike, total, best, isLeft } = this
    this.search(i)
    for (let k = 0; k < total; k++) {
      if (!isLeft[k] || k === i) continue
      const [own, joint] = [alike[k * total + best[k]!]!, alike[k * total + i]!]
      if (best[k] === i || best[k] === j) this.search(k)
      else if (joint > own || (joint === own && i < best[k]!)) best[k] = i
    }
  }

  private search(i: number): void {
    const { alike, total, isLeft } = this
    let found = i
    for (let k = 0; k < total; k++) if (isLeft[k] && alike[i * total + k]! > alike[i * total + found]!) found = k
    this.best[i] = found
  }
}
