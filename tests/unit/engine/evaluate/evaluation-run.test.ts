import { mkdirSync } from 'node:fs'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { projectSchema, type MethodSettings } from '../../../../src-main/contract/document/project'
import {
  judgedDomains,
  measureRows,
  PLAIN_AVERAGE,
  withSearchedScales,
} from '../../../../src-main/engine/evaluate/compare/compare-methods'
import { compareRows } from '../../../../src-main/engine/evaluate/compare/leaderboard'
import { EvaluationRun, type EvaluatedRow } from '../../../../src-main/engine/evaluate/evaluation-run'
import { ResultLines } from '../../../../src-main/engine/evaluate/measured/result-lines'
import { chooseDevice } from '../../../../src-main/engine/runtime/providers'
import { family } from '../../demo-family'
import { CLIP_VOCABULARY, temporaryFolder } from '../merge/models'

const [specialist] = family.specialists
const device = await chooseDevice('cpu')
const runs: EvaluationRun[] = []
afterEach(async () => {
  for (const run of runs.splice(0)) await run.release()
})

async function open(
  cacheFolder: string,
  signal?: AbortSignal,
  pictures = 1,
  results?: ResultLines,
): Promise<EvaluationRun> {
  const run = await EvaluationRun.open({
    results,
    base: family.base.path,
    data: { folder: family.evaluation, split: 'held-out', pictures, seed: 0 },
    device,
    cacheFolder,
    clipVocabulary: CLIP_VOCABULARY,
    ...(signal && { signal }),
  })
  runs.push(run)
  return run
}

const merge = (name: string, method: Partial<MethodSettings>, weight = 1): EvaluatedRow => ({
  name,
  role: 'merge',
  path: null,
  merge: projectSchema.parse({
    format: 'featurefusion-project',
    version: 1,
    models: [family.base, { ...specialist!, weight }],
    method,
  }),
})
const rows: EvaluatedRow[] = [
  { name: family.base.name, role: 'base', path: family.base.path, merge: null },
  { name: specialist!.name, role: 'specialist', path: specialist!.path, merge: null },
  merge(PLAIN_AVERAGE, { name: 'soup' }),
]

describe('a comparison', () => {
  it('that was stopped in the middle goes on where it was', async () => {
    const cacheFolder = temporaryFolder()
    const controller = new AbortController()
    const stopped = await open(cacheFolder, controller.signal)
    const seen: string[][] = []
    const first = measureRows(stopped, rows, {
      onRow: (measured) => {
        seen.push(measured.map(({ name }) => name))
        if (measured.length === 2) controller.abort()
      },
    })
    await expect(first).rejects.toMatchObject({ kind: 'cancelled' })
    expect(seen).toEqual([[rows[0]!.name], [rows[0]!.name, rows[1]!.name]])

    const worked = new Set<string>()
    const run = await open(cacheFolder)
    const measured = await measureRows(run, rows, { onProgress: (phase) => worked.add(phase) })
    expect([...worked]).toEqual([`measuring ${PLAIN_AVERAGE}`])
    expect(measured.map(({ seconds }) => seconds !== null)).toEqual([false, false, true])

    // All of it is kept by now: nothing is loaded, and the figures are the same.
    const again = await measureRows(await open(cacheFolder), rows, { onProgress: (phase) => worked.add(phase) })
    expect(again).toEqual(measured)
    expect(worked.size).toBe(1)
    expect(compareRows(run, measured).leaderboard).toHaveLength(3)
  }, 60_000)

  it('searches a scale on one half of the pictures and judges by the other, and tries nothing twice', async () => {
    const cacheFolder = temporaryFolder()
    const searched = { ...merge('task arithmetic', { name: 'task-arithmetic', scale: 0.5 }), searchesScale: true }
    const both = [rows[0]!, searched]
    const run = await open(cacheFolder, undefined, 2)
    const judged = judgedDomains(run, both)
    expect(judged.map(({ pictures }) => pictures.length)).toEqual(run.domains.map(() => 1))
    expect(judgedDomains(run, rows)).toBe(run.domains)
    const measured = await measureRows(run, both)
    const { scale } = measured[1]!
    expect(scale).toBeGreaterThan(0)
    expect(measured.map(({ losses }) => losses.map(({ length }) => length))).toEqual(
      both.map(() => judged.map(() => 1)),
    )
    expect(measured[0]!.scale).toBeNull()

    const again = await open(cacheFolder, undefined, 2)
    const load = vi.spyOn(again, 'load')
    expect(await measureRows(again, both)).toEqual(measured)
    expect(load).not.toHaveBeenCalled()
    // What is drawn to be scored has the scale that was found; other rows stay as they are.
    const drawn = await withSearchedScales(again, both)
    expect(drawn[0]).toBe(both[0])
    expect(drawn[1]!.merge!.method.scale).toBe(scale)
    expect(load).not.toHaveBeenCalled()
    const { leaderboard } = compareRows(again, measured, judged)
    expect(leaderboard.find(({ role }) => role === 'merge')).toMatchObject({ scale, isOnFront: false })
  }, 60_000)

  it('leaves out what cannot be measured, and says why; without a base there is none', async () => {
    const run = await open(temporaryFolder())
    const failed = new Map<string, string>()
    const ruined = merge('ruined', { name: 'task-arithmetic', scale: 1e6 }, 1e6)
    const missing: EvaluatedRow = { name: 'missing', role: 'specialist', path: '/nowhere', merge: null }
    const measured = await measureRows(run, [rows[0]!, ruined, missing], {
      onFailed: (name, { kind }) => failed.set(name, kind),
    })
    expect(measured.map(({ name }) => name)).toEqual([rows[0]!.name])
    expect([...failed]).toEqual([
      ['ruined', 'not-finite'],
      ['missing', 'not-found'],
    ])
    // What has no loss is not kept as one.
    await expect(run.measure(ruined, () => {})).rejects.toMatchObject({ kind: 'not-finite' })
    const noBase = [{ ...rows[0]!, path: '/nowhere' }]
    await expect(measureRows(run, noBase)).rejects.toMatchObject({ kind: 'not-found' })
  }, 60_000)

  it('ends where no result can be kept: all others would be lost as well', async () => {
    const results = await ResultLines.open(temporaryFolder(), '1-of-2')
    mkdirSync(results.ownPath)
    const run = await open(temporaryFolder(), undefined, 1, results)
    const failed: string[] = []
    const measured = measureRows(run, rows.slice(1), { onFailed: (name) => failed.push(name) })
    await expect(measured).rejects.toThrow(`${results.ownPath} could not be written`)
    expect(failed).toEqual([])
  }, 60_000)
})
