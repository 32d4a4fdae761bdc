import { afterEach, describe, expect, it, vi } from 'vitest'
import { projectSchema } from '../../../../../src-main/contract/document/project'
import { halves } from '../../../../../src-main/engine/evaluate/data/splits'
import { EvaluationRun } from '../../../../../src-main/engine/evaluate/evaluation-run'
import type { LossUnit } from '../../../../../src-main/engine/evaluate/losses/denoising-loss'
import { lossObjective } from '../../../../../src-main/engine/evaluate/search/objectives/loss-objective'
import {
  measureAll,
  pairedValues,
  unitsOf,
  valueOf,
} from '../../../../../src-main/engine/evaluate/search/objectives/objective'
import { searchMerge } from '../../../../../src-main/engine/evaluate/search/search-merge'
import { pairedLosses } from '../../../../../src-main/engine/evaluate/compare/paired-difference'
import { mean } from '../../../../../src-main/engine/evaluate/losses/bootstrap'
import { chooseDevice } from '../../../../../src-main/engine/runtime/providers'
import { family } from '../../../demo-family'
import { CLIP_VOCABULARY, temporaryFolder } from '../../merge/models'

const project = projectSchema.parse({
  format: 'featurefusion-project',
  version: 1,
  models: [family.base, ...family.specialists.slice(0, 2)],
})

const runs: EvaluationRun[] = []
afterEach(async () => {
  for (const run of runs.splice(0)) await run.release()
})

async function open(): Promise<EvaluationRun> {
  const run = await EvaluationRun.open({
    base: family.base.path,
    data: { folder: family.evaluation, split: 'held-out', pictures: 2, seed: 0 },
    device: await chooseDevice('cpu'),
    cacheFolder: temporaryFolder(),
    clipVocabulary: CLIP_VOCABULARY,
  })
  runs.push(run)
  return run
}

const nameOf = ({ domain, picture }: LossUnit): string => `${domain.name} ${picture}`
const namesOf = (domains: ReturnType<typeof halves>[0]): string[] =>
  domains.flatMap(({ name, pictures }) => pictures.map(({ index }) => `${name} ${index}`))

describe('a search of a merge', () => {
  it('chooses by one half of the pictures, and is judged by the other alone', async () => {
    const run = await open()
    const { meter } = await run.load(() => {})
    const [search, unseen] = halves(run.domains).map(namesOf) as [string[], string[]]
    const openModel = meter.open.bind(meter)
    const seen: string[] = []
    const events: { trial: number; seen: string[] }[] = []
    const spy = vi.spyOn(meter, 'open').mockImplementation(async (model, signal) => {
      const opened = await openModel(model, signal)
      return {
        ...opened,
        losses: (units) => {
          seen.push(...units.map(nameOf))
          return opened.losses(units)
        },
      }
    })
    const found = await searchMerge(
      run,
      project,
      { strategy: 'cma-es', trials: 4, groups: 'all', seed: 0, race: true },
      {
        onStart: () => seen.splice(0),
        onTrial: ({ index }) => events.push({ trial: index, seen: seen.splice(0) }),
      },
    )
    spy.mockRestore()
    expect(events.map(({ trial }) => trial)).toEqual([0, 1, 2, 3])
    for (const { seen: own } of events) for (const name of own) expect(search).toContain(name)
    expect(new Set(events[0]!.seen)).toEqual(new Set(search))
    expect(new Set(seen)).toEqual(new Set(unseen))
    expect(found.work.measured).toBe(events.reduce((sum, { seen: own }) => sum + own.length, 0))
    expect(found.check!.againstBase.standardError).toBeGreaterThan(0)
  })
})

describe('the loss as an objective', () => {
  it('is the mean loss, in parts of like noise, whatever the order of its units', async () => {
    const run = await open()
    const { meter, set, chosen } = await run.load(() => {})
    const objective = lossObjective(() => Promise.resolve({ meter, set, chosen }), { timesteps: set.timesteps, chosen })
    const { strata } = objective
    expect(strata.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(1, 12)
    expect(unitsOf(strata)).toHaveLength(2 * chosen.length * set.timesteps.length)
    expect(strata.length).toBeGreaterThan(chosen.length)
    for (const { clusters } of strata) expect(clusters.length).toBeGreaterThanOrEqual(6)

    const model = await run.baseModel()
    const values = await measureAll(objective, model)
    const table = await meter.measure(model, chosen)
    const domains = table.losses.map((own) => mean(own.map((row) => mean(row))))
    expect(valueOf(strata, values) / mean(domains)).toBeCloseTo(1, 5)

    const other = values.map((own) => own.map((value) => value * 1.01 + 0.001))
    const rows = table.losses.map((own) => own.map((row) => Float64Array.from(row, (value) => value * 1.01 + 0.001)))
    const paired = pairedValues(strata, other, values)
    const expected = pairedLosses({ losses: rows }, table)
    for (const key of ['mean', 'standardError', 'relative'] as const)
      expect(paired[key] / expected[key]).toBeCloseTo(1, 4)

    const opened = await objective.open(model)
    const backwards = await opened.values(unitsOf(strata).reverse())
    await opened.release()
    const flat = values.flatMap((own) => [...own])
    Array.from(backwards)
      .reverse()
      .forEach((value, index) => expect(value / flat[index]!).toBeCloseTo(1, 4))
  })
})
