import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { EvaluationRun, type EvaluatedRow } from '../../../../../src-main/engine/evaluate/evaluation-run'
import { DRAWN_FOLDER } from '../../../../../src-main/engine/evaluate/drawn/drawn-pictures'
import { measureRows } from '../../../../../src-main/engine/evaluate/compare/compare-methods'
import { chooseDevice } from '../../../../../src-main/engine/runtime/providers'
import type { RecogniserSettings } from '../../../../../src-main/engine/evaluate/recognition/recogniser'
import { family } from '../../../demo-family'
import { CLIP_VOCABULARY, temporaryFolder } from '../../merge/models'

const device = await chooseDevice('cpu')
const CLIP = 'tests/golden/clip/model'
const runs: EvaluationRun[] = []
afterEach(async () => {
  for (const run of runs.splice(0)) await run.release()
})

const BY_LATENTS = { drawing: { prompts: 1, seeds: 1, steps: 8, guidance: 5, seed: 0 }, clip: null }

async function open(
  cacheFolder: string,
  recognition: RecogniserSettings,
  signal?: AbortSignal,
): Promise<EvaluationRun> {
  const run = await EvaluationRun.open({
    base: family.base.path,
    data: { folder: family.evaluation, split: 'train', pictures: 3, seed: 0 },
    device,
    cacheFolder,
    clipVocabulary: CLIP_VOCABULARY,
    recognition,
    ...(signal && { signal }),
  })
  runs.push(run)
  return run
}

const specialist = family.specialists.find(({ name }) => name === 'food')!
const rows: EvaluatedRow[] = [
  { name: family.base.name, role: 'base', path: family.base.path, merge: null },
  { name: specialist.name, role: 'specialist', path: specialist.path, merge: null },
]

it('recognises what a model was taught and nothing else, and draws nothing twice', async () => {
  const cacheFolder = temporaryFolder()
  const run = await open(cacheFolder, BY_LATENTS)
  const measured = await measureRows(run, rows)
  const { models, references, domains, by } = run.recognitionOf(measured)!
  expect([by, references]).toEqual(['latents', 21])
  expect(domains.every(({ prompts }) => prompts === 1)).toBe(true)
  const shareOf = (model: number, domain: string): number =>
    models[model]!.domains[domains.findIndex(({ name }) => name === domain)]!.value
  expect(models.map((_, model) => [shareOf(model, 'known'), shareOf(model, 'food'), shareOf(model, 'travel')])).toEqual(
    [
      [1, 0, 0],
      [1, 1, 0],
    ],
  )
  expect(models[0]!.confusions.some(({ domain, as }) => domain === 'food' && as !== null)).toBe(true)

  const again = await open(cacheFolder, BY_LATENTS)
  const phases = new Set<string>()
  const found = await measureRows(again, rows, { onProgress: (phase) => phases.add(phase) })
  expect(phases.size).toBe(0)
  expect(again.recognitionOf(found)).toEqual(run.recognitionOf(measured))
}, 60_000)

it('goes on where drawing was stopped, and compares by a CLIP model where there is one', async () => {
  const cacheFolder = temporaryFolder()
  const controller = new AbortController()
  // 21 pictures: a batch of 16, and one of 5.
  const drawing = { prompts: 3, seeds: 1, steps: 2, guidance: 1, seed: 0 }
  const stopped = await open(cacheFolder, { drawing, clip: CLIP }, controller.signal)
  const fractions: number[] = []
  const follow = (onFraction: () => void) => (phase: string, fraction: number) => {
    if (phase !== 'drawing') return
    fractions.push(fraction)
    onFraction()
  }
  await expect(
    stopped.measure(
      rows[0]!,
      follow(() => controller.abort()),
    ),
  ).rejects.toMatchObject({ kind: 'cancelled' })
  expect(fractions).toHaveLength(1)

  const run = await open(cacheFolder, { drawing, clip: CLIP })
  const measured = await run.measure(
    rows[0]!,
    follow(() => {}),
  )
  // The first batch was kept: only the second one is drawn.
  expect(fractions).toHaveLength(2)
  expect(readdirSync(join(cacheFolder, DRAWN_FOLDER))).toHaveLength(21)
  expect(fractions[1]).toBeCloseTo(1, 12)
  const { by, domains, models } = run.recognitionOf([measured])!
  expect([by, models[0]!.domains.length]).toEqual(['clip', 7])
  expect(domains.every(({ prompts }) => prompts === 3)).toBe(true)

  const whole = await open(temporaryFolder(), { drawing, clip: CLIP })
  expect((await whole.measure(rows[0]!, () => {})).nearest).toEqual(measured.nearest)
}, 60_000)
