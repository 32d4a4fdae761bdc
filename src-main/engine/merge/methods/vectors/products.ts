import { dot } from '../../../linear-algebra/vectors'

/**
 * Inner products of one vector of the base (number 0) and of the specialists' changes to it (1 …), all that lengths,
 * angles and distances of the models need. Changes are kept rather than models: what they differ by is not rounded away.
 */
export class Products {
  /**
   * @param models their number, base included
   * @param sums the products of i ≥ j at `offset` + (i (i + 1) / 2 + j) · `stride`
   */
  constructor(
    readonly models: number,
    private readonly sums: Float64Array,
    private readonly offset = 0,
    private readonly stride = 1,
  ) {}

  /** How many products so many models have. */
  static count(models: number): number {
    return (models * (models + 1)) / 2
  }

  /** The product of base or changes i and j. */
  of(i: number, j: number): number {
    const [more, less] = i > j ? [i, j] : [j, i]
    return this.sums[this.offset + ((more * (more + 1)) / 2 + less) * this.stride]!
  }

  /** The product of the vectors of models i and j themselves. */
  ofModels(i: number, j: number): number {
    const own = this.of(0, 0) + (i === 0 ? 0 : this.of(i, 0))
    return j === 0 ? own : own + this.of(j, 0) + (i === 0 ? 0 : this.of(i, j))
  }

  /** Length of the base or of a change. */
  length(i: number): number {
    return Math.sqrt(this.of(i, i))
  }

  /** Length of a model's vector. */
  lengthOfModel(i: number): number {
    return Math.sqrt(Math.max(0, this.ofModels(i, i)))
  }

  /**
   * Base and changes as vectors of as many numbers as there are models, with the same products (Cholesky): an algorithm
   * that turns with its vectors can run on these in place of the tensors'.
   */
  coordinates(): Float64Array[] {
    const { models } = this
    const points = Array.from({ length: models }, () => new Float64Array(models))
    for (let i = 0; i < models; i++) {
      const own = points[i]!
      for (let j = 0; j <= i; j++) {
        const other = points[j]!
        const rest = this.of(i, j) - dot(own, other, j)
        // A vector that lies in the space of those before it adds no direction.
        if (i === j) own[i] = rest > LEAST_NEW * this.of(i, i) ? Math.sqrt(rest) : 0
        else own[j] = other[j] === 0 ? 0 : rest / other[j]!
      }
    }
    return points
  }
}

/** The models' own vectors, for coordinates of the base and of the changes to it. */
export function modelVectors([base, ...changes]: readonly Float64Array[]): Float64Array[] {
  return [base!, ...changes.map((change) => sumOf([base!, change], [1, 1]))]
}

/** Part of a squared length below which the rest of a vector is rounding. */
const LEAST_NEW = 1e-15

/** Σ factors[k] · points[k]. */
export function sumOf(points: readonly Float64Array[], factors: readonly number[]): Float64Array {
  const sum = new Float64Array(points[0]!.length)
  points.forEach((point, k) => {
    for (let i = 0; i < sum.length; i++) sum[i]! += factors[k]! * point[i]!
  })
  return sum
}
