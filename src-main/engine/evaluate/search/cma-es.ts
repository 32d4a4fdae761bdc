import { TorchGenerator } from '../../random'
import { bestFirst, type TrialScore } from './weight-trials'

/** From so many numbers on only their own spreads are learnt, not how they go together: that would take too many trials. */
const MOST_FULL = 40
const JACOBI_SWEEPS = 30

export interface ScoredCandidate extends TrialScore {
  candidate: readonly number[]
}

/**
 * CMA-ES (Hansen, The CMA Evolution Strategy: A Tutorial, 2016; default settings, without negative weights), and
 * sep-CMA-ES (Ros and Hansen 2008) for many numbers: asks for candidates, is told their scores, less being better.
 * Deterministic for a seed.
 */
export class CmaEs {
  readonly candidates: number
  readonly #size: number
  readonly #isFull: boolean
  readonly #shares: number[]
  readonly #rates: { sigma: number; damping: number; path: number; one: number; mu: number }
  readonly #random: TorchGenerator
  #mean: number[]
  #sigma: number
  #covariance: number[][]
  #axes: number[][]
  #lengths: number[]
  #sigmaPath: number[]
  #path: number[]
  #generation = 0

  /** @param sigma the first spread of every number */
  constructor(start: readonly number[], sigma: number, seed: number) {
    const n = start.length
    this.#size = n
    this.#isFull = n <= MOST_FULL
    this.candidates = 4 + Math.floor(3 * Math.log(n))
    const parents = Math.floor(this.candidates / 2)
    const raw = Array.from({ length: parents }, (_, i) => Math.log((this.candidates + 1) / 2) - Math.log(i + 1))
    this.#shares = sharesOf(raw)
    const muEffective = effectiveCount(this.#shares)
    const sigmaRate = (muEffective + 2) / (n + muEffective + 5)
    const faster = this.#isFull ? 1 : (n + 2) / 3
    const one = Math.min(1, (faster * 2) / ((n + 1.3) ** 2 + muEffective))
    this.#rates = {
      sigma: sigmaRate,
      damping: 1 + 2 * Math.max(0, Math.sqrt((muEffective - 1) / (n + 1)) - 1) + sigmaRate,
      path: (4 + muEffective / n) / (n + 4 + (2 * muEffective) / n),
      one,
      mu: Math.min(1 - one, (faster * 2 * (muEffective - 2 + 1 / muEffective)) / ((n + 2) ** 2 + muEffective)),
    }
    this.#random = new TorchGenerator(seed)
    this.#mean = [...start]
    this.#sigma = sigma
    this.#covariance = identity(n)
    this.#axes = identity(n)
    this.#lengths = Array<number>(n).fill(1)
    this.#sigmaPath = Array<number>(n).fill(0)
    this.#path = Array<number>(n).fill(0)
  }

  /** One candidate. */
  ask(): number[] {
    const z = this.#random.randn(this.#size, 'float64')
    const step = product(
      this.#axes,
      this.#lengths.map((length, i) => length * z[i]!),
    )
    return this.#mean.map((value, i) => value + this.#sigma * step[i]!)
  }

  /** Learns from one generation: as many candidates as `candidates`, moved into the allowed range by the caller if need be. */
  tell(scored: readonly ScoredCandidate[]): void {
    const n = this.#size
    const { sigma: sigmaRate, damping, path: pathRate, one, mu } = this.#rates
    const best = parentsOf(scored).slice(0, this.#shares.length)
    const shares = sharesOf(this.#shares.slice(0, best.length))
    const muEffective = effectiveCount(shares)
    const steps = best.map(({ candidate }) => candidate.map((value, i) => (value - this.#mean[i]!) / this.#sigma))
    const step = this.#mean.map((_, i) => steps.reduce((sum, own, k) => sum + shares[k]! * own[i]!, 0))
    this.#mean = this.#mean.map((value, i) => value + this.#sigma * step[i]!)

    const along = product(transposed(this.#axes), step).map((value, i) => value / this.#lengths[i]!)
    const white = product(this.#axes, along)
    const sigmaGain = Math.sqrt(sigmaRate * (2 - sigmaRate) * muEffective)
    this.#sigmaPath = this.#sigmaPath.map((value, i) => (1 - sigmaRate) * value + sigmaGain * white[i]!)
    this.#generation += 1
    const expected = Math.sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n * n))
    const length = Math.hypot(...this.#sigmaPath)
    const settled = length / Math.sqrt(1 - (1 - sigmaRate) ** (2 * this.#generation)) / expected
    const isSteady = settled < 1.4 + 2 / (n + 1)
    const pathGain = isSteady ? Math.sqrt(pathRate * (2 - pathRate) * muEffective) : 0
    this.#path = this.#path.map((value, i) => (1 - pathRate) * value + pathGain * step[i]!)
    const lost = isSteady ? 0 : pathRate * (2 - pathRate)
    this.#covariance = this.#covariance.map((row, i) =>
      row.map((value, j) => {
        if (!this.#isFull && i !== j) return 0
        const ranked = steps.reduce((sum, own, k) => sum + shares[k]! * own[i]! * own[j]!, 0)
        return (1 - one - mu + one * lost) * value + one * this.#path[i]! * this.#path[j]! + mu * ranked
      }),
    )
    this.#sigma *= Math.exp(Math.min(1, (sigmaRate / damping) * (length / expected - 1)))
    const { vectors, values } = this.#isFull
      ? eigen(this.#covariance)
      : { vectors: this.#axes, values: this.#covariance.map((row, i) => row[i]!) }
    this.#axes = vectors
    this.#lengths = values.map((value) => Math.sqrt(Math.max(value, Number.EPSILON)))
  }
}

/**
 * What the next generation comes from, best first. A race that stopped a candidate knows that it is worse than the best so
 * far, not where it stands among others that were stopped: so those that were measured whole alone are parents, be they
 * fewer than usual, and stopped ones only where all were. On noisy quadratic losses that ends as far down as without a race;
 * with places filled up by stopped ones, in the order of their estimates, searches ended worse.
 */
function parentsOf(scored: readonly ScoredCandidate[]): ScoredCandidate[] {
  const whole = scored.filter(({ isStopped }) => !isStopped)
  return bestFirst(whole.length > 0 ? whole : scored)
}

/** So that they sum to 1. */
function sharesOf(raw: readonly number[]): number[] {
  const total = raw.reduce((sum, value) => sum + value, 0)
  return raw.map((value) => value / total)
}

/** How many parents with equal shares would have their variance. */
function effectiveCount(shares: readonly number[]): number {
  return 1 / shares.reduce((sum, value) => sum + value ** 2, 0)
}

/** Eigenvectors (columns) and eigenvalues of a symmetric matrix, by Jacobi's rotations. */
function eigen(symmetric: readonly (readonly number[])[]): { vectors: number[][]; values: number[] } {
  const n = symmetric.length
  const a = symmetric.map((row) => [...row])
  const vectors = identity(n)
  for (let sweep = 0; sweep < JACOBI_SWEEPS; sweep++) {
    let rotated = false
    for (let p = 0; p < n; p++)
      for (let q = p + 1; q < n; q++) {
        const off = a[p]![q]!
        if (Math.abs(off) <= 1e-15 * Math.sqrt(Math.abs(a[p]![p]! * a[q]![q]!))) continue
        rotated = true
        const angle = Math.atan2(2 * off, a[q]![q]! - a[p]![p]!) / 2
        const [cos, sin] = [Math.cos(angle), Math.sin(angle)]
        for (let k = 0; k < n; k++) rotate(a[k]!, p, q, cos, sin)
        for (let k = 0; k < n; k++) {
          const [x, y] = [a[p]![k]!, a[q]![k]!]
          a[p]![k] = cos * x - sin * y
          a[q]![k] = sin * x + cos * y
        }
        for (let k = 0; k < n; k++) rotate(vectors[k]!, p, q, cos, sin)
      }
    if (!rotated) break
  }
  return { vectors, values: a.map((row, i) => row[i]!) }
}

function rotate(row: number[], p: number, q: number, cos: number, sin: number): void {
  const [x, y] = [row[p]!, row[q]!]
  row[p] = cos * x - sin * y
  row[q] = sin * x + cos * y
}

function identity(n: number): number[][] {
  return Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => (i === j ? 1 : 0)))
}

function transposed(matrix: readonly (readonly number[])[]): number[][] {
  return matrix.map((_, i) => matrix.map((row) => row[i]!))
}

function product(matrix: readonly (readonly number[])[], vector: readonly number[]): number[] {
  return matrix.map((row) => row.reduce((sum, value, i) => sum + value * vector[i]!, 0))
}
