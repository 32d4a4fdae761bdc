import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ProjectStore } from '../../../src-main/app/project-store'
import { modelSchema, type Project } from '../../../src-main/contract/document/project'
import type { Edit } from '../../../src-main/contract/state'
import { EMPTY_PROJECT } from '../../../src-main/project/edits'

let folder: string
let store: ProjectStore

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'project-'))
  store = await ProjectStore.open(folder, () => undefined)
})
afterEach(async () => {
  await store.close()
  rmSync(folder, { recursive: true })
})

const reopen = () => ProjectStore.open(folder, () => undefined)
const add = (...paths: string[]): Edit => ({ type: 'add-models', models: paths.map((path) => ({ path })) })
const names = ({ state }: ProjectStore = store) => state.project.models.map(({ name }) => name)
const noCheck = async (): Promise<void> => undefined

describe('the document', () => {
  it('names models by their files, uniquely', () => {
    store.edit([add('/m/base', '/m/food/unet', '/n/food.safetensors', '/o/food/unet')], 'Add')
    expect(names()).toEqual(['base', 'm/food', 'n/food', 'o/food'])
  })

  it('takes all edits or none', () => {
    store.edit([add('/a', '/b')], 'Add')
    const { revision } = store.state
    expect(() => store.edit([add('/c'), { type: 'remove-model', name: 'nobody' }], 'Both')).toThrow(/nobody/)
    expect(() => store.edit([add('/a')], 'Twice')).toThrow(/already/)
    expect(store.state).toMatchObject({ revision, undo: 'Add' })
    expect(names()).toEqual(['a', 'b'])
  })

  it('moves a model to the front to make it the base, and keeps the weights of a dropped one', () => {
    store.edit([add('/a', '/b', '/c')], 'Add')
    const dropped = modelSchema.parse({ name: 'c', path: '/c', weight: 0.3, enabled: false })
    store.edit(
      [
        { type: 'move-model', name: 'c', to: 0 },
        { type: 'set-model', name: 'c', model: dropped },
      ],
      'Both',
    )
    expect(names()).toEqual(['c', 'a', 'b'])
    expect(store.state.project.models[0]).toEqual(dropped)
    expect(() => store.edit([{ type: 'set-model', name: 'a', model: { ...dropped, name: 'b' } }], 'Rename')).toThrow(
      /b/,
    )
  })

  it('keeps what a model shall learn from with it, under its new name; an older document has none', async () => {
    store.edit([add('/a', '/b', '/c')], 'Add')
    const { models, calibration } = store.state.project
    expect(calibration).toMatchObject({ choices: [], samples: 1024 })
    const choices = ['b', 'c'].map((name) => ({ name, use: 'prompts' as const, prompts: [`${name} 1`] }))
    store.edit([{ type: 'set-calibration', calibration: { ...calibration, choices } }], 'Prompts')
    store.edit([{ type: 'set-model', name: 'b', model: { ...models[1]!, name: 'new' } }], 'Rename')
    store.edit([{ type: 'remove-model', name: 'c' }], 'Remove')
    expect(store.state.project.calibration.choices).toEqual([{ ...choices[0]!, name: 'new' }])
    store.undo()
    expect(store.state.project.calibration.choices).toHaveLength(2)

    const path = join(folder, 'old.fusion.json')
    await store.save(path, false)
    const { calibration: _, ...old } = JSON.parse(readFileSync(path, 'utf8')) as Project
    writeFileSync(path, JSON.stringify(old))
    await store.openFile(path, noCheck)
    expect(store.state.project.calibration).toEqual(calibration)
  })

  it('takes a word on what the models predict, and takes it back', () => {
    store.edit([{ type: 'set-prediction', prediction: 'v_prediction' }], 'Say')
    expect(store.state.project.prediction).toBe('v_prediction')
    store.edit([{ type: 'set-prediction', prediction: null }], 'Take back')
    expect('prediction' in store.state.project).toBe(false)
    store.undo()
    expect(store.state.project.prediction).toBe('v_prediction')
  })

  it('makes one step of edits that belong together', () => {
    store.edit([add('/a', '/b')], 'Add')
    const weigh = (weight: number) => modelSchema.parse({ name: 'b', path: '/b', weight })
    for (const weight of [0.1, 0.2, 0.3]) {
      store.edit([{ type: 'set-model', name: 'b', model: weigh(weight) }], 'Weigh b', 'weight-b')
    }
    expect(store.undo().project.models[1]!.weight).toBe(1)
    expect(store.redo().project.models[1]!.weight).toBe(0.3)
    store.edit([{ type: 'set-model', name: 'b', model: weigh(0.4) }], 'Weigh b', 'weight-b')
    expect(store.undo().project.models[1]!.weight).toBe(0.3)
  })

  it('writes hashes down without a step or a change of its own, and keeps them through undo', () => {
    store.replace(store.edit([add('/a')], 'Add').project)
    store.edit([add('/b')], 'Add')
    store.undo()
    const before = store.state
    const hashes = (): (string | undefined)[] => store.state.project.models.map(({ sha256 }) => sha256)
    store.recordHashes(new Map(Object.entries({ '/a': '1', '/b': '2' })), { replace: false })
    expect(store.state).toMatchObject({ dirty: before.dirty, undo: before.undo, redo: 'Add' })
    expect(hashes()).toEqual(['1'])
    store.redo()
    expect(hashes()).toEqual(['1', '2'])
    store.recordHashes(new Map([['/a', '3']]), { replace: false })
    expect(hashes()).toEqual(['1', '2'])
    store.recordHashes(new Map([['/a', '3']]), { replace: true })
    expect(hashes()).toEqual(['3', '2'])
  })

  it('undoes and redoes any edits, all the way', () => {
    const edit = fc.oneof(
      fc.stringMatching(/^[a-f]{1,2}$/).map((name): Edit => add(`/${name}`)),
      fc.stringMatching(/^[a-f]{1,2}$/).map((name): Edit => ({ type: 'remove-model', name })),
      fc
        .tuple(fc.stringMatching(/^[a-f]{1,2}$/), fc.nat(5))
        .map(([name, to]): Edit => ({ type: 'move-model', name, to })),
    )
    fc.assert(
      fc.property(fc.array(edit, { maxLength: 30 }), (edits) => {
        const states: Project[] = [store.replace(store.state.project).project]
        const { undo } = store.state
        for (const one of edits) {
          try {
            states.push(store.edit([one], 'Edit').project)
          } catch {
            // refused: nothing has changed
          }
        }
        for (const state of states.toReversed().slice(1)) expect(store.undo().project).toEqual(state)
        expect(store.state.undo).toBe(undo)
        for (const state of states.slice(1)) expect(store.redo().project).toEqual(state)
        expect(store.state.redo).toBeNull()
      }),
      { numRuns: 50 },
    )
  })
})

describe('another document in its place', () => {
  it('is one step, which brings back the one before with its file and what was not saved', async () => {
    const first = join(folder, 'first.fusion.json')
    store.edit([add('/a')], 'Add')
    await store.save(first, false)
    store.edit([add('/b')], 'Add')
    const before = store.state
    store.replace(EMPTY_PROJECT)
    expect(store.state).toMatchObject({ undo: 'New project', path: null, title: 'Untitled', dirty: false })
    store.edit([add('/c')], 'Add')
    store.undo()
    const { project, path, title, dirty, undo } = before
    expect(store.undo()).toMatchObject({ project, path, title, dirty, undo, redo: 'New project' })
    expect(store.redo()).toMatchObject({ path: null, title: 'Untitled', dirty: true, redo: 'Add' })
  })

  it('comes back as not saved where its file holds another one by now', async () => {
    const file = join(folder, 'own.fusion.json')
    store.edit([add('/a')], 'Add')
    await store.save(file, false)
    store.replace(EMPTY_PROJECT)
    store.edit([add('/b')], 'Add')
    await store.save(file, true)
    store.undo()
    expect(store.undo()).toMatchObject({ path: file, dirty: true })
    expect(names()).toEqual(['a'])
  })

  it('leaves no step where nothing was there, or the same', () => {
    store.replace(EMPTY_PROJECT)
    expect(store.state.undo).toBeNull()
    const { project } = store.edit([add('/a')], 'Add')
    store.replace(project)
    store.replace(project)
    expect(store.state.undo).toBe('New project')
    store.undo()
    expect(store.state.undo).toBe('Add')
  })
})

describe('on disk', () => {
  it('comes back after a crash, and says so', async () => {
    store.edit([add('/a')], 'Add')
    await new Promise((resolve) => setTimeout(resolve, 500))
    const after = await reopen()
    expect(names(after)).toEqual(['a'])
    expect(after.state).toMatchObject({ dirty: true, recovered: true })
  })

  it('comes back after a proper end, without alarm', async () => {
    store.edit([add('/a')], 'Add')
    await store.close()
    expect((await reopen()).state).toMatchObject({ dirty: true, recovered: false, title: 'Untitled' })
  })

  it('begins empty where the autosaved document is broken', async () => {
    writeFileSync(join(folder, 'autosave.json'), '{"project": {"models": 7}')
    expect(names(await reopen())).toEqual([])
  })

  it('saves with paths that move with the file, and opens with absolute ones', async () => {
    const inside = join(folder, 'work', 'models', 'food')
    mkdirSync(inside, { recursive: true })
    store.edit([add(inside, '/elsewhere/base')], 'Add')
    const file = join(folder, 'work', 'my.fusion.json')
    expect(await store.save(file, false)).toMatchObject({ path: file, title: 'my', dirty: false })
    const written = JSON.parse(readFileSync(file, 'utf8')) as Project
    expect(written.models.map(({ path }) => path)).toEqual(['models/food', '/elsewhere/base'])
    store.replace(store.state.project)
    const opened = await store.openFile(file, noCheck)
    expect(opened.project.models.map(({ path }) => path)).toEqual([inside, '/elsewhere/base'])
    expect(await store.recent(async () => true)).toMatchObject([{ path: file, title: 'my', exists: true }])
    await store.forgetRecent(file)
    expect(await store.recent(async () => true)).toEqual([])
  })

  it('does not replace another file unasked', async () => {
    const file = join(folder, 'there.fusion.json')
    writeFileSync(file, 'mine')
    await expect(store.save(file, false)).rejects.toMatchObject({ kind: 'target' })
    expect(readFileSync(file, 'utf8')).toBe('mine')
    await expect(store.save(file, true)).rejects.toMatchObject({ message: expect.stringMatching(/not a project/) })
    expect(readFileSync(file, 'utf8')).toBe('mine')
    const other = join(folder, 'other.fusion.json')
    await store.save(other, false)
    await store.save(file.replace('there', 'new'), false)
    await expect(store.save(other, false)).rejects.toMatchObject({ message: expect.stringMatching(/exists already/) })
    await store.save(other, true)
    await store.save(undefined, false)
    expect(JSON.parse(readFileSync(other, 'utf8'))).toMatchObject({ format: 'featurefusion-project' })
  })

  it('refuses what is no project, and keeps the document', async () => {
    store.edit([add('/a')], 'Add')
    const file = join(folder, 'bad.fusion.json')
    await expect(store.openFile(file, noCheck)).rejects.toMatchObject({ kind: 'not-found' })
    for (const text of ['', '[1', '{}', '{"format":"featurefusion-project","version":2,"models":[]}']) {
      writeFileSync(file, text)
      await expect(store.openFile(file, noCheck)).rejects.toMatchObject({ kind: 'malformed' })
    }
    expect(names()).toEqual(['a'])
  })
})
