import { expect, it } from 'vitest'
import { modelSchema, type Project } from '../../../../src-main/contract/document/project'
import { applyEdit, EMPTY_PROJECT } from '../../../../src-main/project/edits'
import { exportKey } from '../../../../src-main/contract/document/export-key'
import type { HistoryEntry } from '../../../../src-main/contract/history'
import { droppedNames, editsOfEntry } from '../../../../src-renderer/features/history/use-entry'
import { drawnEntry, merge, mergeEntry, withModel } from './entries'

function projectOf(...names: string[]): Project {
  return { ...EMPTY_PROJECT, models: names.map((name) => modelSchema.parse({ name, path: `/models/${name}` })) }
}

const used = (project: Project, entry: HistoryEntry): Project => editsOfEntry(project, entry).reduce(applyEdit, project)

it('brings back all that an export was made by, in its order, with models that are gone from the project', () => {
  const made = { ...withModel('food', { weight: 0.3, blocks: { IN05: 0 } }), prediction: 'v_prediction' as const }
  const written = { ...mergeEntry().written, layout: 'single-file' as const, title: 'Mine' }
  const reused = { ...made, method: { ...made.method, reuse: true, align: true } }
  const entry = mergeEntry({ merge: reused, written })
  const before = projectOf('base', 'sketch', 'food')
  const original = { ...before, ...reused, output: { ...written, ...reused.output } }
  for (const project of [before, projectOf('base', 'food', 'sketch'), projectOf('base', 'sketch')])
    expect(exportKey(used(project, entry))).toEqual(exportKey(original))
})

it('drops what an entry did not have, and says so', () => {
  const project = projectOf('base', 'food', 'flat', 'sketch')
  const after = used(project, mergeEntry())
  expect(after.models.filter(({ enabled }) => !enabled).map(({ name }) => name)).toEqual(['flat'])
  expect(droppedNames(project, mergeEntry())).toEqual(['flat'])
  expect(droppedNames(projectOf('base', 'food'), mergeEntry())).toEqual([])
})

it('finds models under other names and paths by their content, and keeps these', () => {
  const sha256 = '1'.repeat(64)
  const project = projectOf('base', 'renamed', 'sketch')
  project.models[1]!.sha256 = sha256
  const after = used(project, mergeEntry({ merge: withModel('food', { sha256, weight: 0.3 }) }))
  expect(after.models.map(({ name, path, weight }) => [name, path, weight])).toEqual([
    ['base', '/models/base', 1],
    ['renamed', '/models/renamed', 0.3],
    ['sketch', '/models/sketch', 1],
  ])
})

it('gives a model that comes back a name of its own', () => {
  const project = projectOf('base', 'food')
  project.models[1] = { ...project.models[1]!, name: 'sketch' }
  const after = used(project, mergeEntry({ merge: withModel('sketch', { weight: 0.3 }) }))
  expect(after.models.map(({ path, weight }) => [path, weight])).toEqual([
    ['/models/base', 1],
    ['/models/food', 1],
    ['/models/sketch', 0.3],
  ])
})

it('brings back what pictures were drawn with, prompts with their style, and keeps the prompt book', () => {
  const style = { name: 'photo', before: 'a photo of', after: '' }
  const entry = drawnEntry()
  const drawn = { ...entry.drawn, steps: 7, book: { lists: [], styles: [style], style: 'photo' } }
  const project = projectOf('base', 'food', 'sketch')
  project.preview = { ...project.preview, book: { lists: [{ name: 'own', prompts: ['x'] }], styles: [], style: null } }
  const { preview } = used(project, { ...entry, drawn })
  expect(preview).toMatchObject({ steps: 7, seeds: [1, 2], prompts: ['a photo of apple', 'a photo of pear'] })
  expect(preview.book).toEqual(project.preview.book)
})

it('of unmerged pictures takes the prompts alone', () => {
  const project = { ...projectOf('base', 'food'), method: { ...merge().method, name: 'ties' as const } }
  const after = used(project, drawnEntry({ merge: null }))
  expect(after).toEqual({ ...project, preview: after.preview })
  expect(after.preview.prompts).toEqual(['apple', 'pear'])
})
