import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FusionError } from '../../../../../src-main/contract/errors'
import {
  GREEDY_FORMS,
  greedySoup as soupInRounds,
  type GreedyForm,
} from '../../../../../src-main/engine/evaluate/search/greedy-soup'
import {
  flatWeights,
  groupsOf,
  weightsOfFlat,
} from '../../../../../src-main/engine/evaluate/search/spaces/weight-space'
import { searchWeights as searchInRounds } from '../../../../../src-main/engine/evaluate/search/weight-search'
import type { Trial, TrialScorer } from '../../../../../src-main/engine/evaluate/search/weight-trials'
import { oneByOne } from './one-by-one'

type Score = (weights: readonly number[]) => Promise<number>

const greedySoup = (models: number, form: GreedyForm, score: Score, options?: Parameters<typeof soupInRounds>[3]) =>
  soupInRounds(models, form, oneByOne(score), options)

const searchWeights = (start: readonly number[], score: Score, options?: Parameters<typeof searchInRounds>[2]) =>
  searchInRounds(start, oneByOne(score), options)

/** The squared distance of a convex mixture of points from a target: what a loss looks like near its minimum. */
function mixtureScore(points: readonly (readonly number[])[], target: readonly number[]) {
  return (weights: readonly number[]): Promise<number> => {
    const total = weights.reduce((sum, weight) => sum + weight, 0)
    const mixed = target.map((_, i) => points.reduce((sum, point, m) => sum + (weights[m]! / total) * point[i]!, 0))
    return Promise.resolve(mixed.reduce((sum, value, i) => sum + (value - target[i]!) ** 2, 0))
  }
}

const numbers = (length: number) =>
  fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: length, maxLength: length })
const problem = fc
  .integer({ min: 1, max: 6 })
  .chain((models) => fc.tuple(fc.array(numbers(3), { minLength: models, maxLength: models }), numbers(3)))

describe('the greedy soup', () => {
  it('is never worse than the best model alone, and its trials say how it was found', async () => {
    await fc.assert(
      fc.asyncProperty(problem, fc.constantFrom(...GREEDY_FORMS), async ([points, target], form) => {
        const score = mixtureScore(points, target)
        const { best, order, parts, trials, stopped } = await greedySoup(points.length, form, score)
        const own = await Promise.all(points.map((_, m) => score(points.map((_, k) => (k === m ? 1 : 0)))))
        expect(best.score).toBeLessThanOrEqual(Math.min(...own))
        expect(best.weights.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 12)
        expect(stopped).toBe(false)
        order.slice(1).forEach((model, i) => expect(own[model]).toBeGreaterThanOrEqual(own[order[i]!]!))
        const all = parts.reduce((sum, count) => sum + count, 0)
        expect(best.weights).toEqual(parts.map((count) => count / all))
        if (form === 'once') {
          expect(Math.max(...parts)).toBe(1)
          expect(trials.length).toBeLessThan(2 * points.length)
        }
        expect(all).toBeLessThanOrEqual(3 * points.length)
        for (const trial of trials) expect(await score(trial.weights)).toBe(trial.score)
      }),
    )
  })

  it('follows the order of the own scores, and keeps what does not make it worse', async () => {
    // On a line: 0.1 (best), −0.2, 0.5, with the target 0: 0.1 and −0.2 together are better, 0.5 then is not.
    const score = mixtureScore([[0.5], [0.1], [-0.2]], [0])
    const once = await greedySoup(3, 'once', score)
    expect(once.order).toEqual([1, 2, 0])
    expect(once.parts).toEqual([0, 1, 1])
    // With parts: two of 0.1 and one of −0.2 are the target.
    const repeated = await greedySoup(3, 'repeated', score)
    expect(repeated.parts).toEqual([0, 2, 1])
    expect(repeated.best.score).toBeCloseTo(0, 20)
    // A copy changes nothing, so it is kept; once.
    const copies = await greedySoup(2, 'once', mixtureScore([[1], [1]], [0]))
    expect(copies.parts).toEqual([1, 1])
  })

  it('never keeps a model that makes the score worse, and never leaves one out that does not', async () => {
    await fc.assert(
      fc.asyncProperty(problem, fc.constantFrom(...GREEDY_FORMS), async ([points, target], form) => {
        const score = mixtureScore(points, target)
        const mostParts = 2 * points.length
        const { order, parts, trials, best } = await greedySoup(points.length, form, score, { mostParts })
        const shares = (counts: readonly number[]): number[] => {
          const all = counts.reduce((sum, count) => sum + count, 0)
          return counts.map((count) => count / all)
        }
        const with1 = (counts: readonly number[], model: number): number[] =>
          counts.map((count, m) => (m === model ? count + 1 : count))
        // The trials tell the whole story: own scores first, then the visits, each of one part more than what is kept.
        let kept = with1(Array<number>(points.length).fill(0), order[0]!)
        let reached = Math.min(...trials.slice(0, points.length).map((trial) => trial.score))
        for (const model of order.slice(1)) {
          const value = await score(shares(with1(kept, model)))
          if (value > reached) continue
          kept = with1(kept, model)
          reached = value
        }
        if (form === 'once') expect(parts).toEqual(kept)
        else {
          expect(best.score).toBeLessThanOrEqual(reached)
          kept.forEach((count, model) => expect(parts[model]).toBeGreaterThanOrEqual(count))
          const all = parts.reduce((sum, count) => sum + count, 0)
          if (all < mostParts)
            for (const model of order)
              expect(await score(shares(with1(parts, model)))).toBeGreaterThanOrEqual(best.score)
        }
      }),
    )
  })

  it('adds up to a limit, and never visits a model whose score is no number before others', async () => {
    const score = mixtureScore([[1], [-0.01]], [0])
    expect(
      (await greedySoup(2, 'repeated', score, { mostParts: 5 })).parts.reduce((a, b) => a + b),
    ).toBeLessThanOrEqual(5)
    const broken = await greedySoup(2, 'once', (weights) => Promise.resolve(weights[0]! > 0 ? NaN : 1))
    expect(broken.order).toEqual([1, 0])
    expect(broken.parts).toEqual([0, 1])
  })
})

describe('the weight search', () => {
  it('is never worse than its start, stays at or above 0, and reports every trial', async () => {
    await fc.assert(
      fc.asyncProperty(problem, fc.integer({ min: 0, max: 99 }), async ([points, target], seed) => {
        const seen: Trial[] = []
        const score = mixtureScore(points, target)
        const start = points.map(() => 1)
        const result = await searchWeights(start, score, { trials: 40, seed, onTrial: (trial) => seen.push(trial) })
        expect(result.trials).toEqual(seen)
        expect(seen.length).toBeLessThanOrEqual(40)
        expect(seen[0]).toMatchObject({ weights: start, index: 0, isBest: true })
        expect(result.best.score).toBe(Math.min(...seen.map((trial) => trial.score)))
        for (const { weights } of seen) expect(weights.every((weight) => weight >= 0)).toBe(true)
        seen.forEach((trial, i) => {
          const before = Math.min(Infinity, ...seen.slice(0, i).map(({ score }) => score))
          expect(trial.isBest).toBe(i === 0 || trial.score < before)
        })
      }),
      { numRuns: 40 },
    )
  })

  it.each([2, 7, 60])('finds a minimum of %i weights', async (size) => {
    const target = Array.from({ length: size }, (_, i) => 0.4 + (i % 5) / 4)
    // Badly scaled and correlated where it is small; separable where it is large.
    const score = (weights: readonly number[]): Promise<number> => {
      const off = weights.map((weight, i) => weight - target[i]!)
      const mean = off.reduce((sum, value) => sum + value, 0)
      const own = off.reduce((sum, value, i) => sum + (i % 2 === 0 ? 1 : 5) * value ** 2, 0)
      return Promise.resolve(own + (size > 40 ? 0 : mean ** 2))
    }
    const start = target.map(() => 1)
    const { start: first, best } = await searchWeights(start, score, { trials: size * 150, seed: 4 })
    expect(best.score).toBeLessThan(first.score * 1e-4)
  })

  it('drops a model that only harms: its weight becomes exactly 0', async () => {
    const score = ([useful, harmful]: readonly number[]): Promise<number> =>
      Promise.resolve((useful! - 1.3) ** 2 + harmful! + 0.1)
    const { best } = await searchWeights([1, 1], score, { trials: 150 })
    expect(best.weights[1]).toBe(0)
    expect(best.weights[0]).toBeCloseTo(1.3, 1)
  })

  it('gets far in 100 trials, the same ones for the same seed', async () => {
    const score = mixtureScore(
      [
        [1, 0, 0],
        [0, 1, 0],
        [0, 0, 1],
        [0, 0, 0],
      ],
      [0.5, 0.2, 0.1],
    )
    const search = () => searchWeights([1, 1, 1, 1], score, { seed: 7 })
    const { best, start, trials } = await search()
    expect(trials).toHaveLength(100)
    expect(best.score).toBeLessThan(start.score / 20)
    expect((await search()).trials).toEqual(trials)
  })

  it('ends where nothing new is left to try, and refuses to start from nothing', async () => {
    const { trials } = await searchWeights([1], () => Promise.resolve(NaN), { trials: 5 })
    expect(trials.map(({ score }) => score)).toEqual(Array(5).fill(Infinity))
    for (const start of [
      [0, 0],
      [-1, 1],
      [NaN, 1],
    ])
      expect(() => searchWeights(start, () => Promise.resolve(1))).toThrow(/at least 0/)
  })
})

describe('rounds', () => {
  it('of a search are of trials that do not depend on each other, and change nothing that it finds', async () => {
    const score = mixtureScore(
      [
        [1, 0],
        [0, 1],
        [-1, 0.5],
      ],
      [0.3, 0.4],
    )
    const searched = async (together?: number) => {
      const rounds: number[] = []
      const counted: TrialScorer = (round) => {
        rounds.push(round.length)
        return oneByOne(score)(round)
      }
      const { trials } = await searchInRounds([1, 1, 1], counted, {
        trials: 20,
        seed: 1,
        ...(together && { together }),
      })
      return { trials, rounds }
    }
    const whole = await searched()
    expect(whole.rounds).toEqual([1, 7, 7, 5])
    const small = await searched(3)
    expect(small.rounds).toEqual([1, 3, 3, 1, 3, 3, 1, 3, 2])
    expect(small.trials).toEqual(whole.trials)
  })

  it('of a greedy soup are the first model, the others, and then one visit each', async () => {
    const rounds: number[] = []
    const score = oneByOne(mixtureScore([[1], [-0.3], [0.4], [0.2]], [0]))
    await soupInRounds(4, 'once', (round) => {
      rounds.push(round.length)
      return score(round)
    })
    expect(rounds).toEqual([1, 3, 1, 1, 1])
  })
})

describe.each(['greedy', 'search'] as const)('a stop of the %s', (kind) => {
  const points = [[1], [-0.3], [0.4], [0.2]]
  const run = (score: (weights: readonly number[]) => Promise<number>, options: object) =>
    kind === 'greedy' ? greedySoup(4, 'repeated', score, options) : searchWeights([1, 1, 1, 1], score, options)

  it('leaves the best so far', async () => {
    for (const after of [1, 3, 6]) {
      const controller = new AbortController()
      const score = mixtureScore(points, [0])
      const onTrial = ({ index }: Trial): void => {
        if (index === after - 1) controller.abort()
      }
      let checks = 0
      const check = (): Promise<number[]> => Promise.resolve([++checks])
      const result = await run(score, { signal: controller.signal, onTrial, check })
      expect(result).toMatchObject({ stopped: true, check: null })
      expect(result.trials).toHaveLength(after)
      expect(result.best.score).toBe(Math.min(...result.trials.map((trial) => trial.score)))
      expect(checks).toBe(0)
    }
  })

  it('before the first trial is a cancel; other faults are thrown', async () => {
    const score = mixtureScore(points, [0])
    await expect(run(score, { signal: AbortSignal.abort() })).rejects.toMatchObject({ kind: 'cancelled' })
    const fault = new FusionError('device', 'lost')
    await expect(run(() => Promise.reject(fault), {})).rejects.toBe(fault)
  })

  it('that does not come: the result is checked on what the search did not see', async () => {
    const check = mixtureScore(points, [0.1])
    const checkAll = (wanted: readonly (readonly number[])[]) => Promise.all(wanted.map(check))
    const result = await run(mixtureScore(points, [0]), { check: checkAll })
    expect(result.check).toEqual({ start: await check(result.start.weights), best: await check(result.best.weights) })
  })
})

describe('weights by block', () => {
  it('are a list of numbers and back', () => {
    const models = [
      { weight: 1, blocks: { IN00: 0.5, OUT03: 2 } },
      { weight: 0.3, blocks: {} },
    ]
    const groups = [['IN00'], ['M00']]
    const flat = flatWeights(models, groups)
    expect(flat).toEqual([0.5, 1, 0.3, 0.3])
    expect(weightsOfFlat([1, 2, 3, 4], models, groups)).toEqual([
      { weight: 1, blocks: { IN00: 1, M00: 2, OUT03: 2 } },
      { weight: 0.3, blocks: { IN00: 3, M00: 4 } },
    ])
    expect(flatWeights(models, [])).toEqual([1, 0.3])
    expect(weightsOfFlat([5, 6], models, [])).toEqual([
      { weight: 5, blocks: {} },
      { weight: 6, blocks: {} },
    ])
  })

  it('can be shared by the blocks of a stage', () => {
    const blocks = ['BASE', 'IN00', 'IN01', 'M00', 'OUT00', 'OUT01']
    expect(groupsOf('all', blocks)).toEqual([])
    expect(groupsOf('blocks', blocks)).toEqual(blocks.map((block) => [block]))
    const stages = groupsOf('stages', blocks)
    expect(stages).toEqual([['BASE'], ['IN00', 'IN01'], ['M00'], ['OUT00', 'OUT01']])
    expect(flatWeights([{ weight: 1, blocks: { IN00: 0.5, OUT01: 3 } }], stages)).toEqual([1, 0.75, 1, 2])
    expect(weightsOfFlat([1, 2, 3, 4], [{ weight: 9, blocks: {} }], stages)).toEqual([
      { weight: 9, blocks: { BASE: 1, IN00: 2, IN01: 2, M00: 3, OUT00: 4, OUT01: 4 } },
    ])
  })
})
