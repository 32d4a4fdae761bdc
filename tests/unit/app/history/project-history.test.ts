import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, expect, it, vi } from 'vitest'
import { EventHub } from '../../../../src-main/app/event-hub'
import { ProjectHistory } from '../../../../src-main/app/history/project-history'
import { Log } from '../../../../src-main/app/log'
import { modelHash } from '../../../../src-main/app/models/model-hash'
import { PreviewHistory } from '../../../../src-main/app/previews/preview-history'
import { projectSchema, type Project } from '../../../../src-main/contract/document/project'
import { hashFile } from '../../../../src-main/engine/checkpoint/hash'
import { filesBehindModel, filesOfModel, openEither } from '../../../../src-main/engine/merge/open-model'
import { DEMO } from '../../demo-family'
import { mergeEntry } from '../../renderer/history/entries'

vi.mock(import('../../../../src-main/engine/merge/open-model'), async (original) => {
  const module = await original()
  return { ...module, openEither: vi.fn(module.openEither) }
})

const folder = mkdtempSync(join(tmpdir(), 'project-history-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
beforeEach(() => {
  vi.mocked(openEither).mockClear()
})

async function historyIn(name: string): Promise<ProjectHistory> {
  const program = {
    events: new EventHub(),
    log: new Log(join(folder, 'log'), () => undefined),
    history: await PreviewHistory.open(join(folder, name)),
    cache: { folder },
    mayRead: () => Promise.resolve(false),
  }
  return new ProjectHistory(program, join(folder, `${name}.jsonl`))
}

/** A base, and an adapter with a strength of its own. */
function project(unet: number): Project {
  const { merge } = mergeEntry()
  const [base, adapter] = merge.models
  const models = [base!, { ...adapter!, strengths: { unet, textEncoder: 1 } }]
  return projectSchema.parse({ ...merge, models, format: 'featurefusion-project', version: 1 })
}
const everything = { search: '', kind: null, limit: 10 }

it('tells what was made of the same adapters with other strengths', async () => {
  const history = await historyIn('strengths')
  await history.add(mergeEntry({ merge: project(0.5) }))
  expect((await history.list(project(1), everything)).entries).toHaveLength(1)
  const [base, adapter] = project(1).models
  const other = { ...project(1), models: [base!, { ...adapter!, path: '/models/other' }] }
  expect((await history.list(other, everything)).entries).toHaveLength(0)
})

it('opens every model once to tell what is of it', async () => {
  const history = await historyIn('headers')
  await history.list(project(1), everything)
  expect(vi.mocked(openEither).mock.calls.map(([path]) => path)).toEqual(['/models/base', '/models/food'])
})

it('knows a model by its weights, also where its settings have been hashed', async () => {
  const history = await historyIn('settings')
  const path = join(DEMO, 'base')
  const ofWeights: { sha256: string }[] = []
  for (const file of await filesOfModel(path))
    ofWeights.push({ sha256: await hashFile(file.path, { cacheFolder: folder }) })
  for (const file of await filesBehindModel(path)) await hashFile(file.path, { cacheFolder: folder })
  const models = [{ ...project(1).models[0]!, path, sha256: modelHash(ofWeights)! }]
  const merge = projectSchema.parse({ ...project(1), models })
  await history.add(mergeEntry({ merge }))
  expect((await history.list(merge, everything)).entries).toHaveLength(1)
})
