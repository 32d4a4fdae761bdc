import { expect, it } from 'vitest'
import { projectSchema, tuneSnapshotSchema, type Project } from '../../../../src-main/contract/document/project'
import { applyEdit } from '../../../../src-main/project/edits'
import {
  editsOfSnapshot,
  isNow,
  missingWords,
  nextName,
  snapshotWords,
  stateOf,
} from '../../../../src-renderer/features/tune/snapshots/snapshots'

const project = projectSchema.parse({
  format: 'featurefusion-project',
  version: 1,
  models: [
    { name: 'base', path: '/base' },
    { name: 'food', path: '/food', weight: 0.5, blocks: { IN00: 0.2 } },
    { name: 'flat', path: '/flat', enabled: false, sha256: 'ab' },
  ],
  method: { name: 'ties', density: 0.3, calibration: '/inputs' },
  output: { path: '/out', include: ['unet', 'text_encoder'] },
})
const kept = tuneSnapshotSchema.parse({ ...stateOf(project), name: 'State 1', time: 1, picture: null })
const after = (from: Project, edits: ReturnType<typeof editsOfSnapshot>): Project => edits.reduce(applyEdit, from)

it('brings weights, method and parts back, and leaves files, place and calibration as they are', () => {
  const changed = projectSchema.parse({
    ...project,
    models: [
      project.models[0],
      { name: 'food', path: '/elsewhere', weight: 2, strengths: { unet: 0.5 } },
      { ...project.models[2], enabled: true, weight: 3 },
    ],
    method: { name: 'soup', calibration: '/other', reuse: true },
    output: { path: '/there', include: ['unet'], title: 'Mine' },
  })
  expect(isNow(kept, project)).toBe(true)
  expect(isNow(kept, changed)).toBe(false)
  const restored = after(changed, editsOfSnapshot(changed, kept))
  expect(isNow(kept, restored)).toBe(true)
  expect(restored.models[1]).toEqual({ ...project.models[1], path: '/elsewhere' })
  expect(restored.models[2]!.sha256).toBe('ab')
  expect(restored.method).toMatchObject({ name: 'ties', density: 0.3, calibration: '/other', reuse: true })
  expect(restored.output).toMatchObject({ path: '/there', title: 'Mine', include: ['unet', 'text_encoder'] })
})

it('drops models that it does not know, and says which are gone', () => {
  const more = applyEdit(project, { type: 'add-models', models: [{ path: '/new', name: 'new' }] })
  expect(after(more, editsOfSnapshot(more, kept)).models.at(-1)).toMatchObject({ name: 'new', enabled: false })
  const fewer = applyEdit(project, { type: 'remove-model', name: 'flat' })
  expect(missingWords(kept, fewer)).toBe('flat is in the project no more.')
  expect(missingWords(kept, project)).toBe('')
})

it('follows the names of models', () => {
  const keeping = applyEdit(project, { type: 'set-snapshots', snapshots: [kept] })
  const model = { ...keeping.models[1]!, name: 'meals' }
  const renamed = applyEdit(keeping, { type: 'set-model', name: 'food', model })
  expect(renamed.snapshots[0]!.models.map(({ name }) => name)).toEqual(['base', 'meals', 'flat'])
  expect(isNow(renamed.snapshots[0]!, renamed)).toBe(true)
})

it('is said in words, and named as no other', () => {
  expect(snapshotWords(kept)).toMatch(/^TIES, density 0\.3.*: base 1, food 0\.500; 1 model dropped$/)
  expect(nextName([])).toBe('State 1')
  expect(nextName([{ ...kept, name: 'State 2' }])).toBe('State 3')
})

it('has no picture but a small one of the two formats', () => {
  const of = (picture: string) => tuneSnapshotSchema.safeParse({ ...kept, picture }).success
  expect(of('data:image/jpeg;base64,AAAA')).toBe(true)
  for (const bad of [
    'https://a/b.png',
    'data:text/html;base64,AAAA',
    'data:image/svg+xml;base64,AAAA',
    `data:image/png;base64,${'A'.repeat(20_000)}`,
  ])
    expect(of(bad)).toBe(false)
})
