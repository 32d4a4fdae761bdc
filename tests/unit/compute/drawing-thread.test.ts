import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { DrawingThread } from '../../../src-main/compute/drawing-thread'
import { drawPictures, type PreviewPicture } from '../../../src-main/compute/draw-pictures'
import { liveModelOf, loadLivePipeline, openLiveFiles } from '../../../src-main/compute/live-model'
import type { DrawingSetup } from '../../../src-main/compute/serve-drawing'
import type { ComputeEvent } from '../../../src-main/contract/protocol/compute'
import { LiveMerge } from '../../../src-main/engine/merge/live-merge'
import { planMerge } from '../../../src-main/engine/merge/open-model'
import { BuiltCli } from '../cli/built-cli'
import { family } from '../demo-family'
import { CLIP_VOCABULARY, projectOf } from '../engine/merge/models'

const device = { provider: 'cpu', available: true } as const
const paths = [family.base.path, ...family.specialists.map(({ path }) => path)]
const folder = mkdtempSync(join(tmpdir(), 'ff-drawing-'))
const never = new AbortController().signal

let built: BuiltCli
let live: LiveMerge
let setup: DrawingSetup
beforeAll(async () => {
  built = await BuiltCli.build()
  const plan = await planMerge(projectOf(paths, { name: 'soup' }))
  const model = liveModelOf(plan)
  const pipeline = await loadLivePipeline(await openLiveFiles(model), { device, clipVocabulary: CLIP_VOCABULARY })
  live = new LiveMerge(pipeline, { cacheFolder: folder, provider: 'cpu' })
  await live.feed(plan)
  setup = { drawing: { model, device, clipVocabulary: CLIP_VOCABULARY, linkFolders: null } }
})
afterAll(async () => {
  live.closeFiles()
  await live.pipeline.release()
  built.remove()
  rmSync(folder, { recursive: true })
})

function pictureNamed(id: string, steps: number): PreviewPicture {
  const settings = { prompt: 'taco', negativePrompt: '', seed: 3, steps, guidance: 7.5, scheduler: 'ddim' }
  return { ...settings, id, model: 'merge', file: join(folder, `${id}.png`) }
}

it('draws the bytes that are drawn here, and tells of them', async () => {
  const [here, there] = [pictureNamed('here', 2), pictureNamed('there', 2)]
  await drawPictures(live.pipeline, [here], { signal: never, emit: () => undefined }, () => undefined)
  const thread = new DrawingThread(built.workerFile, setup)
  const events: ComputeEvent[] = []
  const fractions: number[] = []
  const context = { signal: never, emit: (event: ComputeEvent) => events.push(event) }
  const drawing = thread.draw(live.weights, [there], context, (fraction) => fractions.push(fraction))
  expect(thread.held).toBe(1)
  expect(await drawing).toBeGreaterThan(0)
  expect(thread.held).toBe(0)
  await thread.end()
  expect(readFileSync(there.file).equals(readFileSync(here.file))).toBe(true)
  expect(events).toMatchObject([{ type: 'picture', id: 'there' }])
  expect(fractions).toEqual([0.5, 1])
})

it('stops all that it holds when that is cancelled, and draws what comes then', async () => {
  const thread = new DrawingThread(built.workerFile, setup)
  const abort = new AbortController()
  const context = { signal: abort.signal, emit: () => undefined }
  const drawings = ['first', 'second'].map((id) =>
    thread.draw(live.weights, [pictureNamed(id, 500)], context, () => abort.abort()),
  )
  for (const drawing of await Promise.allSettled(drawings))
    expect(drawing).toMatchObject({ status: 'rejected', reason: { kind: 'cancelled' } })
  const after = { signal: never, emit: () => undefined }
  expect(await thread.draw(live.weights, [pictureNamed('third', 1)], after, () => undefined)).toBeGreaterThan(0)
  await thread.end()
})

it('says why it cannot load a model, and that a thread has ended', async () => {
  const context = { signal: never, emit: () => undefined }
  const missing = { drawing: { ...setup.drawing, model: { ...setup.drawing.model, base: join(folder, 'none') } } }
  const thread = new DrawingThread(built.workerFile, missing)
  const draw = (): Promise<number> => thread.draw(live.weights, [pictureNamed('none', 1)], context, () => undefined)
  await expect(draw()).rejects.toMatchObject({ kind: 'not-found' })
  await thread.end()
  const broken = new DrawingThread(new URL('file:///none.js'), setup)
  await expect(broken.draw(live.weights, [], context, () => undefined)).rejects.toMatchObject({ kind: 'internal' })
  await broken.end()
})
