import type { SearchWork } from '../../../../contract/evaluate/search/search'
import { digest } from '../../../files/kept/digest'
import type { OpenedModel, Stratum } from '../objectives/objective'
import { unitsOf, valueOf } from '../objectives/objective'
import type { PartsMeter } from '../parts/parts-meter'
import { trialOutcomeSchema, type TrialOutcome } from '../parts/outcomes'
import type { TrialScore } from '../weight-trials'
import { expectedDifferences, type MeasuredPoint } from './expected-differences'
import { type Race } from './race'

/** What trials are compared with. */
interface Reached {
  points: readonly MeasuredPoint[]
  best: { point: MeasuredPoint; score: number } | null
  /** Of all trials that it comes from. */
  key: string
}

/**
 * Scores trials on an objective's units. What is certainly worse than the best trial is not measured to its end; that is
 * the best of the rounds before, so that trials of one round do not depend on each other.
 */
export class RacedScore {
  readonly work: SearchWork = { stopped: 0, measured: 0, units: 0 }
  #reached: Reached = { points: [], best: null, key: '' }
  #trials = 0

  /**
   * @param open makes the network what the weights say
   * @param race null: every trial is measured whole
   */
  constructor(
    private readonly strata: readonly Stratum[],
    private readonly open: (weights: readonly number[]) => Promise<OpenedModel>,
    private readonly race: Race | null,
    private readonly meter: PartsMeter,
  ) {}

  /** Scores of one round, in its order. @throws what opening and measuring throw */
  async *scores(round: readonly (readonly number[])[]): AsyncGenerator<TrialScore> {
    const reached = this.#reached
    const parts = round.map((weights, index) => ({
      name: `trial ${this.#trials + index + 1}`,
      of: [weights, this.race && reached.best ? reached.key : null],
      measure: () => this.#measured(weights, reached),
    }))
    const outcomes: TrialOutcome[] = []
    for await (const outcome of this.meter.measure(trialOutcomeSchema, parts)) {
      outcomes.push(outcome)
      this.#count(outcome)
      yield outcome
    }
    this.#takeUp(round, outcomes)
  }

  async #measured(weights: readonly number[], reached: Reached): Promise<TrialOutcome> {
    const opened = await this.open(weights)
    try {
      return await this.#measure(weights, opened, reached)
    } finally {
      await opened.release()
    }
  }

  async #measure(weights: readonly number[], opened: OpenedModel, { best, points }: Reached): Promise<TrialOutcome> {
    const { strata, race } = this
    const parts = race && best ? race.parts : [unitsOf(strata)]
    const expected = race && best ? expectedDifferences(weights, best.point, points) : []
    const values = strata.map(({ clusters }) => new Float64Array(clusters.length))
    let measured = 0
    for (const [look, part] of parts.entries()) {
      const own = await opened.values(part)
      part.forEach(({ stratum, place }, index) => (values[stratum]![place] = own[index]!))
      measured += part.length
      const isLast = look === parts.length - 1
      // The network is ruined, whatever comes.
      if (!Array.from(own).every(Number.isFinite))
        return { values: null, score: Infinity, isStopped: !isLast, measured }
      if (isLast) break
      const { difference, isWorse } = race!.compare(look, values, best!.point.values, expected)
      if (isWorse) return { values: null, score: best!.score + difference, isStopped: true, measured }
    }
    const score = valueOf(strata, values)
    return { values: values.map((own) => Array.from(own)), score, isStopped: false, measured }
  }

  #count({ isStopped, measured }: TrialOutcome): void {
    this.work.units += unitsOf(this.strata).length
    this.work.measured += measured
    if (isStopped) this.work.stopped++
  }

  /** What the next round is compared with. */
  #takeUp(round: readonly (readonly number[])[], outcomes: readonly TrialOutcome[]): void {
    const points = [...this.#reached.points]
    let { best } = this.#reached
    outcomes.forEach(({ values, score }, index) => {
      if (!values) return
      const point = { coordinates: round[index]!, values }
      points.push(point)
      if (!best || score < best.score) best = { point, score }
    })
    this.#reached = { points, best, key: digest([this.#reached.key, round]) }
    this.#trials += round.length
  }
}
