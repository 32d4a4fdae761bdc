import { resolve } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { scorerFilesSchema } from '../../../../../../src-main/contract/evaluate/scores/scorers'
import { projectSchema } from '../../../../../../src-main/contract/document/project'
import { captionsOf } from '../../../../../../src-main/engine/evaluate/data/prompt-domains'
import { halves } from '../../../../../../src-main/engine/evaluate/data/splits'
import { EvaluationRun } from '../../../../../../src-main/engine/evaluate/evaluation-run'
import {
  measureAll,
  unitsOf,
  valueOf,
  type Objective,
} from '../../../../../../src-main/engine/evaluate/search/objectives/objective'
import { scoreObjective } from '../../../../../../src-main/engine/evaluate/search/objectives/score-objective'
import { aimedObjective } from '../../../../../../src-main/engine/evaluate/search/objectives/aimed-objective'
import { SummedScorers } from '../../../../../../src-main/engine/evaluate/search/objectives/summed-scorers'
import { weightedObjective } from '../../../../../../src-main/engine/evaluate/search/objectives/weighted-objective'
import { searchMerge } from '../../../../../../src-main/engine/evaluate/search/search-merge'
import { loadScorer } from '../../../../../../src-main/engine/evaluate/scores/load-scorer'
import { chooseDevice } from '../../../../../../src-main/engine/runtime/providers'
import { family } from '../../../../demo-family'
import { CLIP_VOCABULARY, temporaryFolder } from '../../../merge/models'

// A tiny scorer with random weights: it knows nothing of pictures.
const files = scorerFilesSchema.parse({ clip: resolve('tests/golden/rewards/pickscore') })
const drawing = { seeds: 2, seed: 3, settings: { steps: 2, guidance: 2 } }

let run: EvaluationRun | null = null
afterEach(async () => {
  await run?.release()
  run = null
})

async function open(): Promise<EvaluationRun> {
  return (run = await EvaluationRun.open({
    base: family.base.path,
    data: { folder: family.evaluation, split: 'held-out', pictures: 2, seed: 0 },
    device: await chooseDevice('cpu'),
    cacheFolder: temporaryFolder(),
    clipVocabulary: CLIP_VOCABULARY,
  }))
}

/** An objective whose values are numbers of its units. */
function counted(aim: string, counts: readonly number[], released: string[] = []): Objective {
  const strata = counts.map((count, index) => ({
    aim,
    domain: String(index),
    weight: 1 / counts.length,
    clusters: Array.from({ length: count }, (_, unit) => unit),
  }))
  return {
    strata,
    open: () =>
      Promise.resolve({
        values: (units) => Promise.resolve(units.map(({ stratum, place }) => 10 * stratum + place)),
        release: () => Promise.resolve(void released.push(aim)),
      }),
  }
}

const nobody = { name: 'x', role: 'merge', prepare: () => Promise.reject(new Error('not prepared')) } as const

describe('a sum of objectives', () => {
  it('is the sum of their values, each times its factor, in whatever order units are asked for', async () => {
    const released: string[] = []
    const [first, second] = [counted('a', [3, 2], released), counted('b', [4], released)]
    const sum = weightedObjective([
      { objective: first, factor: 2 },
      { objective: second, factor: 0.5 },
    ])
    const values = await measureAll(sum, nobody)
    const alone = [await measureAll(first, nobody), await measureAll(second, nobody)]
    expect(valueOf(sum.strata, values)).toBeCloseTo(
      2 * valueOf(first.strata, alone[0]!) + 0.5 * valueOf(second.strata, alone[1]!),
      12,
    )
    expect(released).toEqual(['a', 'b', 'a', 'b'])
    const opened = await sum.open(nobody)
    const units = unitsOf(sum.strata).reverse()
    const reversed = await opened.values(units)
    units.forEach(({ stratum, place }, at) => expect(reversed[at]).toBe(values[stratum]![place]))
  })
})

describe('a score as an objective', () => {
  it('is the negated score of what the model draws for every prompt and seed', async () => {
    const own = await open()
    const { pipeline } = await own.loadNetwork(() => {})
    const scorer = await loadScorer('clip', files, own.scoring)
    const domains = captionsOf(own.domains.slice(0, 2), 2)
    const objective = scoreObjective(() => Promise.resolve({ pipeline, scorer }), domains, drawing)
    const values = await measureAll(objective, await own.baseModel())
    expect(objective.strata.map(({ weight }) => weight)).toEqual([0.5, 0.5])
    expect(objective.strata[0]!.clusters).toEqual([0, 0, 1, 1])
    const { prompts } = domains[1]!
    const pictures = [3, 4].map((seed) => ({ prompt: prompts[1]!, seed }))
    const drawn = await pipeline.generate({ ...drawing.settings, ...pipeline.nativeSize, pictures })
    const scores = await scorer.scores(drawn, prompts[1]!)
    scores.forEach((score, seed) => expect(values[1]![2 + seed]).toBeCloseTo(-score, 3))
    await scorer.release()
  })

  it('leads a search, which is judged by the captions that it did not use', async () => {
    const own = await open()
    const [first, second] = family.specialists
    const project = projectSchema.parse({
      format: 'featurefusion-project',
      version: 1,
      models: [family.base, first, second],
    })
    const starts: { search: number; check: number }[] = []
    const found = await searchMerge(
      own,
      project,
      {
        ...{ strategy: 'cma-es', trials: 3, groups: 'all', seed: 0, race: true },
        aims: [{ name: 'clip', factor: 1 }],
        scores: { files, drawing: { ...drawing, seeds: 1 } },
      },
      { onStart: ({ base }) => starts.push(base!) },
    )
    const scorer = await loadScorer('clip', files, own.scoring)
    const { pipeline } = await own.loadNetwork(() => {})
    const unseen = captionsOf(halves(own.domains)[1])
    const judging = scoreObjective(() => Promise.resolve({ pipeline, scorer }), unseen, { ...drawing, seeds: 1 })
    const base = valueOf(judging.strata, await measureAll(judging, await own.baseModel()))
    expect(starts[0]!.check).toBeCloseTo(base, 3)
    expect(found.best.score).toBeLessThan(0)
    expect(found.check!.verdict).toContain('these weights are')
    await scorer.release()
  })
})

describe('a sum of scorers', () => {
  const both = [
    { name: 'clip', factor: 2 },
    { name: 'image-reward', factor: 0.5 },
  ] as const
  const pair = { ...files, 'image-reward': resolve('tests/golden/rewards/image-reward') }
  const picture = { width: 48, height: 40, pixels: Uint8Array.from({ length: 48 * 40 * 3 }, (_, i) => (7 * i) % 251) }
  const options = { device: 'cpu' } as const

  it('adds what each says of a picture, each times its factor', async () => {
    const sum = (await SummedScorers.load(both, pair, options))!
    const [together] = await sum.scores([picture], 'a red apple')
    await sum.release()
    let expected = 0
    for (const { name, factor } of both) {
      const scorer = await loadScorer(name, pair, options)
      expected += factor * (await scorer.scores([picture], 'a red apple'))[0]!
      await scorer.release()
    }
    expect(together).toBeCloseTo(expected, 6)
  })

  it('is aimed at beside the loss, each picture being drawn once', async () => {
    const own = await open()
    const { pipeline, meter, set, chosen } = await own.load(() => {})
    const some = chosen.slice(0, 2)
    const draws = vi.spyOn(pipeline, 'generate')
    const data = { timesteps: own.timesteps, chosen: some }
    const toolsWith = (scorers: SummedScorers | null) => () =>
      Promise.resolve({ pipeline, meter, set, chosen: some, scorers })
    const aims = [{ name: 'loss', factor: 3 }, ...both] as const
    const scorers = await SummedScorers.load(aims, pair, own.scoring)
    const objective = aimedObjective(aims, toolsWith(scorers), data, { files: pair, prompts: 1, drawing })
    const base = await own.baseModel()
    const values = await measureAll(objective, base)
    expect(draws.mock.calls.flatMap(([{ pictures }]) => pictures)).toHaveLength(some.length * drawing.seeds)
    await scorers!.release()
    let expected = 0
    for (const aim of aims) {
      const alone = [{ ...aim, factor: 1 }]
      const scorer = await SummedScorers.load(alone, pair, own.scoring)
      const part = aimedObjective(alone, toolsWith(scorer), data, { files: pair, prompts: 1, drawing })
      expected += aim.factor * valueOf(part.strata, await measureAll(part, base))
      await scorer?.release()
    }
    expect(valueOf(objective.strata, values)).toBeCloseTo(expected, 4)
  })

  it('is refused where its scorers take too much memory together, each named with what it takes', async () => {
    await expect(SummedScorers.load(both, pair, options, 1000)).rejects.toMatchObject({
      kind: 'out-of-memory',
      message: expect.stringMatching(/CLIP score 0\.\d GB, ImageReward 0\.\d GB/) as string,
    })
    const alone = await SummedScorers.load([both[0]], pair, options, 1000)
    await alone!.release()
  })

  it('is none where the loss alone is aimed at, and needs the files of every scorer', async () => {
    expect(await SummedScorers.load([{ name: 'loss', factor: 1 }], files, options)).toBeNull()
    await expect(SummedScorers.load(both, files, options)).rejects.toThrow(/ImageReward were not named/)
  })
})
