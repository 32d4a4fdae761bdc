import { cpSync, readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { scorerFilesSchema, type ScorerName } from '../../../../../src-main/contract/evaluate/scores/scorers'
import { DRAWN_FOLDER } from '../../../../../src-main/engine/evaluate/drawn/drawn-pictures'
import { EvaluationRun, type EvaluatedRow } from '../../../../../src-main/engine/evaluate/evaluation-run'
import type { loadScorer } from '../../../../../src-main/engine/evaluate/scores/load-scorer'
import { drawAndScore } from '../../../../../src-main/engine/evaluate/scored-pictures/score-table'
import { chooseDevice } from '../../../../../src-main/engine/runtime/providers'
import { family } from '../../../demo-family'
import { CLIP_VOCABULARY, temporaryFolder } from '../../merge/models'

const device = await chooseDevice('cpu')
const specialist = family.specialists[0]!
const rows: EvaluatedRow[] = [
  { name: 'base', role: 'base', path: family.base.path, merge: null },
  { name: specialist.name, role: 'specialist', path: specialist.path, merge: null },
  { name: 'broken', role: 'specialist', path: join(family.base.path, 'nothing'), merge: null },
]
const table = {
  domains: [
    { name: 'fruit', prompts: ['a red apple', 'a green apple'] },
    { name: 'boats', prompts: ['a boat'] },
  ],
  seeds: 2,
  seed: 5,
  settings: { steps: 1, guidance: 1 },
}
const runs: EvaluationRun[] = []
afterEach(async () => {
  for (const run of runs.splice(0)) await run.release()
})

async function open(cacheFolder: string, signal?: AbortSignal): Promise<EvaluationRun> {
  const run = await EvaluationRun.open({
    base: family.base.path,
    data: { folder: family.evaluation, split: 'train', pictures: 1, seed: 0 },
    device,
    cacheFolder,
    clipVocabulary: CLIP_VOCABULARY,
    ...(signal && { signal }),
  })
  runs.push(run)
  return run
}

/** Scorers that say how bright a picture is, plus the letters of its prompt; they tell what is resident. */
function fakes() {
  const seen = { resident: 0, most: 0, loaded: [] as ScorerName[], scored: 0 }
  const load: typeof loadScorer = (name) => {
    seen.most = Math.max(seen.most, ++seen.resident)
    seen.loaded.push(name)
    return Promise.resolve({
      name,
      scores: (pictures, prompt) => {
        seen.scored += pictures.length
        return Promise.resolve(
          pictures.map(({ pixels }) => prompt.length + pixels.reduce((a, b) => a + b, 0) / pixels.length / 255),
        )
      },
      release: () => Promise.resolve(void seen.resident--),
    })
  }
  return { seen, load }
}

function files(folder: string) {
  const file = (name: string): string => {
    writeFileSync(join(folder, name), name)
    return join(folder, name)
  }
  return scorerFilesSchema.parse({ hps: file('hps.pt'), 'pick-score': file('pick.pt') })
}

it('draws once, scores by one scorer after the other, and keeps pictures and scores', async () => {
  const cacheFolder = temporaryFolder()
  const scorers = files(temporaryFolder())
  const { seen, load } = fakes()
  const failed: string[] = []
  const told: number[] = []
  const news = {
    onFailed: (name: string) => failed.push(name),
    onProgress: (_: string, fraction: number) => told.push(fraction),
  }
  const summaries = await drawAndScore(await open(cacheFolder), rows, table, scorers, news, load)
  expect(failed).toEqual(['broken'])
  expect(told.toSorted((a, b) => a - b)).toEqual(told)
  expect(summaries.map(({ scorer }) => scorer)).toEqual(['pick-score', 'hps'])
  expect(seen).toEqual({ resident: 0, most: 1, loaded: ['pick-score', 'hps'], scored: 2 * 2 * 6 })
  expect(readdirSync(join(cacheFolder, DRAWN_FOLDER))).toHaveLength(2 * 6)
  const [{ models }] = summaries as [(typeof summaries)[0]]
  expect(models.map(({ name }) => name)).toEqual(['base', specialist.name])
  // Longer prompts, and the brightness below 1: each picture was scored with its own prompt.
  expect(models[0]!.domains.map(({ score }) => Math.floor(score.value))).toEqual([12, 6])

  const again = fakes()
  const kept = await drawAndScore(await open(cacheFolder), rows.slice(0, 2), table, scorers, {}, again.load)
  expect(kept).toEqual(summaries)
  expect(again.seen.loaded).toEqual([])

  // Other weights of one scorer: that one alone scores again, the same pictures.
  writeFileSync(scorers.hps!, 'other weights')
  utimesSync(scorers.hps!, 1, 1)
  const changed = fakes()
  await drawAndScore(await open(cacheFolder), rows.slice(0, 2), table, scorers, {}, changed.load)
  expect(changed.seen).toMatchObject({ loaded: ['hps'], scored: 12 })
  expect(readdirSync(join(cacheFolder, DRAWN_FOLDER))).toHaveLength(2 * 6)

  // One prompt more: its pictures alone are drawn and scored.
  const more = fakes()
  const domains = [...table.domains, { name: 'cats', prompts: ['a cat'] }]
  await drawAndScore(await open(cacheFolder), rows.slice(0, 2), { ...table, domains }, scorers, {}, more.load)
  expect(more.seen.scored).toBe(2 * 2 * 2)
  expect(readdirSync(join(cacheFolder, DRAWN_FOLDER))).toHaveLength(2 * 8)
}, 60_000)

it('goes on where it was stopped, while it draws and while it scores', async () => {
  const cacheFolder = temporaryFolder()
  const scorers = files(temporaryFolder())
  const stopAt = async (phase: RegExp): Promise<ReturnType<typeof fakes>['seen']> => {
    const controller = new AbortController()
    const { seen, load } = fakes()
    const news = {
      onProgress: (words: string, fraction: number) => {
        if (phase.test(words) && fraction > 0) controller.abort()
      },
    }
    const run = await open(cacheFolder, controller.signal)
    await expect(drawAndScore(run, rows.slice(0, 2), table, scorers, news, load)).rejects.toMatchObject({
      kind: 'cancelled',
    })
    expect(seen.resident).toBe(0)
    return seen
  }
  await stopAt(new RegExp(`drawing with ${specialist.name}`))
  expect(readdirSync(join(cacheFolder, DRAWN_FOLDER))).toHaveLength(6)
  const before = await stopAt(/PickScore of base/)
  expect(before.scored).toBeGreaterThan(0)
  const { seen, load } = fakes()
  await drawAndScore(await open(cacheFolder), rows.slice(0, 2), table, scorers, {}, load)
  expect(before.scored + seen.scored).toBe(2 * 12)
}, 60_000)

it('scores by a CLIP model as it is loaded for everything else', async () => {
  const clip = temporaryFolder()
  cpSync('tests/golden/clip/model', clip, { recursive: true })
  const run = await open(temporaryFolder())
  const scorers = scorerFilesSchema.parse({ clip })
  const [summary] = await drawAndScore(run, rows.slice(0, 1), table, scorers)
  expect(summary!.scorer).toBe('clip')
  const { value } = summary!.models[0]!.mean.score
  expect(value).toBeGreaterThan(0)
  expect(value).toBeLessThan(100)
}, 60_000)
