import { describe, expect, it } from 'vitest'
import { CmaEs } from '../../../../../../src-main/engine/evaluate/search/cma-es'
import { greedySoup } from '../../../../../../src-main/engine/evaluate/search/greedy-soup'
import type { OpenedModel } from '../../../../../../src-main/engine/evaluate/search/objectives/objective'
import { Race } from '../../../../../../src-main/engine/evaluate/search/race/race'
import { MEASURED_HERE, type PartsMeter } from '../../../../../../src-main/engine/evaluate/search/parts/parts-meter'
import { RacedScore } from '../../../../../../src-main/engine/evaluate/search/race/raced-score'
import { searchWeights } from '../../../../../../src-main/engine/evaluate/search/weight-search'
import type { TrialScore } from '../../../../../../src-main/engine/evaluate/search/weight-trials'
import { TorchGenerator } from '../../../../../../src-main/engine/random'

const DOMAINS = 7
const UNITS = 60
const RESIDUALS = 8
const strata = Array.from({ length: DOMAINS }, (_, domain) => ({
  aim: 'loss',
  domain: String(domain),
  weight: 1 / DOMAINS,
  clusters: Array.from({ length: UNITS }, (_, unit) => Math.floor(unit / 10)),
}))

/** Squared errors of many units that each pull to weights of their own, around common ones. */
function noisyLosses(models: number, seed: number): (weights: readonly number[]) => OpenedModel {
  const random = new TorchGenerator(seed)
  const common = random.randn(RESIDUALS * models, 'float64')
  const target = random.rand(models).map((value) => 2 * value)
  const units = Array.from({ length: DOMAINS * UNITS }, () => ({
    rest: random.randn(RESIDUALS, 'float64'),
    slopes: random.randn(RESIDUALS * models, 'float64').map((own, i) => 0.15 * own + 0.3 * common[i]!),
  }))
  const loss = (unit: number, weights: readonly number[]): number => {
    const { rest, slopes } = units[unit]!
    const errors = rest.map((value, row) =>
      weights.reduce((sum, weight, i) => sum + slopes[row * models + i]! * (weight - target[i]!), value),
    )
    return errors.reduce((sum, error) => sum + error ** 2, 0) / RESIDUALS
  }
  return (weights) => ({
    values: (wanted) => Promise.resolve(wanted.map(({ stratum, place }) => loss(stratum * UNITS + place, weights))),
    release: () => Promise.resolve(),
  })
}

function scored(models: number, seed: number, race: boolean, meter = MEASURED_HERE): RacedScore {
  const open = noisyLosses(models, seed)
  return new RacedScore(
    strata,
    (weights) => Promise.resolve(open(weights)),
    race
      ? new Race(
          strata,
          strata.map(() => 0),
          seed,
        )
      : null,
    meter,
  )
}

/** One trial, a round of its own. */
async function scoreOf(raced: RacedScore, weights: readonly number[]): Promise<TrialScore> {
  let found: TrialScore | undefined
  for await (found of raced.scores([weights]));
  return found!
}

describe('a search with a race', () => {
  const SEEDS = Array.from({ length: 6 }, (_, seed) => seed)
  const search = async (race: boolean, seed: number) => {
    const score = scored(7, seed, race)
    const result = await searchWeights(Array<number>(7).fill(1), (round) => score.scores(round), {
      seed,
      together: 1,
    })
    return { ...result, work: score.work }
  }

  it('gets as far as one that measures all, for less than two fifths of the work', async () => {
    const gains = { raced: 0, whole: 0 }
    for (const seed of SEEDS) {
      const [raced, whole] = [await search(true, seed), await search(false, seed)]
      expect(whole.work).toEqual({ stopped: 0, measured: 100 * DOMAINS * UNITS, units: 100 * DOMAINS * UNITS })
      expect(raced.work.units).toBe(whole.work.units)
      expect(raced.work.measured / raced.work.units).toBeLessThan(0.4)
      expect(raced.trials.filter(({ isStopped }) => isStopped)).toHaveLength(raced.work.stopped)
      gains.raced += raced.start.score - raced.best.score
      gains.whole += whole.start.score - whole.best.score
    }
    expect(gains.raced / gains.whole).toBeGreaterThan(0.97)
  })

  it('stops what is worse than the best alone, at a score that is worse; the best was measured whole', async () => {
    const { trials, best } = await search(true, 3)
    const whole = scored(7, 3, false)
    let reached = Infinity
    let wrong = 0
    for (const { weights, score, isStopped, isBest } of trials) {
      const { score: truth } = await scoreOf(whole, weights)
      if (isStopped) {
        expect(score).toBeGreaterThan(reached)
        expect(isBest).toBe(false)
        if (truth < reached) wrong++
      } else {
        expect(score).toBeCloseTo(truth, 12)
        reached = Math.min(reached, score)
      }
    }
    expect(best).toMatchObject({ isStopped: false, score: reached })
    expect(wrong).toBeLessThanOrEqual(5)
  })

  it('finds the same again for the same seed', async () => {
    expect((await search(true, 5)).trials).toEqual((await search(true, 5)).trials)
  })

  it('finds the same in whatever order trials of a round are measured', async () => {
    const backwards: PartsMeter = {
      async *measure(_schema, parts) {
        const measured = []
        for (const part of [...parts].reverse()) measured.push(await part.measure())
        yield* measured.reverse()
      },
    }
    const found = async (meter: PartsMeter) => {
      const score = scored(4, 1, true, meter)
      const { trials } = await searchWeights([1, 1, 1, 1], (round) => score.scores(round), { seed: 1, trials: 60 })
      return { trials, work: score.work }
    }
    expect(await found(backwards)).toEqual(await found(MEASURED_HERE))
  })

  it('makes a greedy soup of the same models', async () => {
    for (const seed of SEEDS) {
      const soup = (race: boolean) => {
        const score = scored(5, seed, race)
        return greedySoup(5, 'repeated', (round) => score.scores(round))
      }
      const [raced, whole] = [await soup(true), await soup(false)]
      expect(raced.parts).toEqual(whole.parts)
      expect(raced.best.score).toBeCloseTo(whole.best.score, 12)
    }
  })

  it('gives up a ruined network at once, and releases every model', async () => {
    let released = 0
    const open = noisyLosses(2, 0)
    const score = new RacedScore(
      strata,
      (weights) => {
        const { values } = open(weights)
        const ruined: OpenedModel['values'] = (units) => Promise.resolve(units.map(() => NaN))
        return Promise.resolve({
          values: weights[0] === 9 ? ruined : values,
          release: () => Promise.resolve(void released++),
        })
      },
      new Race(
        strata,
        strata.map(() => 0),
        0,
      ),
      MEASURED_HERE,
    )
    await scoreOf(score, [1, 1])
    expect(await scoreOf(score, [9, 1])).toMatchObject({ score: Infinity, isStopped: true })
    expect(score.work.measured).toBeLessThan(1.1 * DOMAINS * UNITS)
    expect(released).toBe(2)
  })
})

describe('stopped candidates of CMA-ES', () => {
  const told = (change: (index: number) => { score: number; isStopped: boolean }): number[] => {
    const strategy = new CmaEs([1, 1, 1], 0.3, 2)
    const scored = Array.from({ length: strategy.candidates }, (_, index) => ({
      candidate: strategy.ask(),
      ...change(index),
    }))
    strategy.tell(scored)
    return strategy.ask()
  }

  it('are no parents while others were measured whole, whatever their estimates', () => {
    const next = told((index) => ({ score: index, isStopped: index > 1 }))
    expect(told((index) => ({ score: index > 1 ? -index : index, isStopped: index > 1 }))).toEqual(next)
    expect(told((index) => ({ score: index, isStopped: false }))).not.toEqual(next)
  })

  it('are parents by their estimates where all were stopped', () => {
    expect(told((index) => ({ score: index, isStopped: true }))).toEqual(
      told((index) => ({ score: index, isStopped: false })),
    )
  })
})
