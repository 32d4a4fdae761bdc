import { describe, expect, it } from 'vitest'
import { mergeOfText, originOf } from '../../../src-main/app/previews/picture-text'
import { mergeText, readMergeText } from '../../../src-main/contract/document/merge-settings'
import { projectSchema, type Project } from '../../../src-main/contract/document/project'

const project: Project = projectSchema.parse({
  format: 'featurefusion-project',
  version: 1,
  models: [
    { name: 'base', path: '/secret/base' },
    { name: 'food', path: '/secret/food', weight: 0.5 },
    { name: 'animals', path: '/secret/animals', blocks: { IN00: 2 } },
  ],
})
const hashes = new Map([
  ['/secret/base', 'a'.repeat(64)],
  ['/secret/food', 'f'.repeat(64)],
])
const settings = { prompt: 'taco', negativePrompt: '', seed: 1, steps: 4, guidance: 7, scheduler: 'ddim' }
const sources = project.models.map(({ name, path }) => ({ name, path, state: '', sha256: null }))
const { settings: told, merge } = originOf(
  { id: '1', settings: { ...settings, variant: { type: 'merge' } }, merge: mergeText(project), sources, cell: null },
  hashes,
  '1.0',
)

describe('what a picture says of its weights', () => {
  it('names models with their hashes, and no path of this machine', () => {
    expect(told['Model']).toContain('base + food + animals')
    expect(JSON.parse(told['Hashes']!)).toEqual({ base: 'aaaaaaaaaa', food: 'ffffffffff' })
    expect(JSON.stringify([told, merge])).not.toContain('secret')
    const drawn = {
      id: '1',
      settings: { ...settings, variant: { type: 'model' as const, name: 'food' } },
      merge: null,
      cell: null,
    }
    const plain = originOf({ ...drawn, sources: sources.slice(0, 2) }, hashes, '1.0')
    expect(plain).toMatchObject({ settings: { Model: 'food', 'Model hash': 'ffffffffff' }, merge: null })
  })

  it('brings the merge back, by hashes and names', () => {
    expect(mergeOfText(merge!, project, hashes)).toEqual({ merge: mergeText(project), missing: [] })
    const renamed = { ...project, models: project.models.map((one, i) => (i === 1 ? { ...one, name: 'taco' } : one)) }
    const found = readMergeText(mergeOfText(merge!, renamed, hashes).merge!)!
    expect(found.models.map(({ name, weight }) => [name, weight])).toEqual([
      ['base', 1],
      ['taco', 0.5],
      ['animals', 1],
    ])
  })

  it('names models that the project does not have; without the base there is no merge', () => {
    const fewer = { ...project, models: project.models.slice(0, 2) }
    expect(mergeOfText(merge!, fewer, hashes)).toMatchObject({ missing: ['animals'], merge: expect.any(String) })
    const others = { ...project, models: project.models.slice(1) }
    expect(mergeOfText(merge!, others, hashes)).toMatchObject({ missing: ['base'], merge: null })
    // Another file of the same name is another model.
    const replaced = new Map(hashes).set('/secret/food', 'e'.repeat(64))
    expect(mergeOfText(merge!, project, replaced).missing).toEqual(['food'])
    for (const text of [undefined, '', '{}', '[1'])
      expect(mergeOfText(text, project, hashes)).toEqual({ merge: null, missing: [] })
  })
})
