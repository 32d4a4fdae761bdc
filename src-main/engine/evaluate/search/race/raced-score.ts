import type { SearchWork } from '../../../../contract/evaluate/search'
import type { OpenedModel, Stratum } from '../objectives/objective'
import { unitsOf, valueOf } from '../objectives/objective'
import type { TrialScore } from '../weight-trials'
import { expectedDifferences, type MeasuredPoint } from './expected-differences'
import { type Race } from './race'

/** Scores trials on an objective's units; what is certainly worse than the best trial so far is not measured to its end. */
export class RacedScore {
  readonly work: SearchWork = { stopped: 0, measured: 0, units: 0 }
  readonly #points: MeasuredPoint[] = []
  #best: { point: MeasuredPoint; score: number } | null = null

  /**
   * @param open makes the network what the weights say
   * @param race null: every trial is measured whole
   */
  constructor(
    private readonly strata: readonly Stratum[],
    private readonly open: (weights: readonly number[]) => Promise<OpenedModel>,
    private readonly race: Race | null,
  ) {}

  /** @throws what opening and measuring throw */
  async score(weights: readonly number[]): Promise<TrialScore> {
    const opened = await this.open(weights)
    try {
      return await this.#measure(weights, opened)
    } finally {
      await opened.release()
    }
  }

  async #measure(weights: readonly number[], opened: OpenedModel): Promise<TrialScore> {
    const { strata, race, work } = this
    const best = this.#best
    const parts = race && best ? race.parts : [unitsOf(strata)]
    const expected = race && best ? expectedDifferences(weights, best.point, this.#points) : []
    const values = strata.map(({ clusters }) => new Float64Array(clusters.length))
    work.units += values.reduce((sum, { length }) => sum + length, 0)
    for (const [look, part] of parts.entries()) {
      const measured = await opened.values(part)
      part.forEach(({ stratum, place }, index) => (values[stratum]![place] = measured[index]!))
      work.measured += part.length
      const isLast = look === parts.length - 1
      if (!Array.from(measured).every(Number.isFinite)) {
        if (!isLast) work.stopped++
        return { score: Infinity, isStopped: !isLast } // the network is ruined, whatever comes
      }
      if (isLast) break
      const { difference, isWorse } = race!.compare(look, values, best!.point.values, expected)
      if (!isWorse) continue
      work.stopped++
      return { score: best!.score + difference, isStopped: true }
    }
    const point = { coordinates: weights, values }
    const score = valueOf(strata, values)
    this.#points.push(point)
    if (!best || score < best.score) this.#best = { point, score }
    return { score, isStopped: false }
  }
}
