import { describe, expect, it } from 'vitest'
import {
  mergeOfVariant,
  mergeText,
  readMergeText,
  weightsKey,
  withMerge,
} from '../../../../src-main/contract/document/merge-settings'
import { projectSchema, withModel, type Project } from '../../../../src-main/contract/document/project'

const project: Project = projectSchema.parse({
  format: 'featurefusion-project',
  version: 1,
  models: [
    { name: 'base', path: '/base' },
    { name: 'food', path: '/food', weight: 0.5, blocks: { IN01: 1, IN00: 0.2 } },
    { name: 'animals', path: '/animals' },
  ],
})

describe('what decides the weights of a merge', () => {
  it('is kept as text, and brought back', () => {
    const text = mergeText(project)
    const other = { ...project, models: [], method: { ...project.method, name: 'soup' as const } }
    const { models, method } = withMerge(other, readMergeText(text)!)
    expect({ models, method }).toEqual({ models: project.models, method: project.method })
    expect(readMergeText('{"models": 3}')).toBeNull()
    expect(readMergeText('no JSON')).toBeNull()
  })

  it.each<[string, (project: Project) => Project]>([
    ['a name', (one) => withModel(one, 'food', { name: 'taco' })],
    ['the order of blocks', (one) => withModel(one, 'food', { blocks: { IN00: 0.2, IN01: 1 } })],
    ['a parameter of another method', (one) => ({ ...one, method: { ...one.method, density: 0.1 } })],
    ['kept contributions', (one) => ({ ...one, method: { ...one.method, reuse: true } })],
    ['where it is exported to', (one) => ({ ...one, output: { ...one.output, path: '/out', layout: 'diffusers' } })],
  ])('is the same with other words: %s', (_, change) => {
    expect(weightsKey(change(project))).toBe(weightsKey(project))
  })

  it.each<[string, (project: Project) => Project]>([
    ['a weight', (one) => withModel(one, 'food', { weight: 0.6 })],
    ['a block', (one) => withModel(one, 'food', { blocks: { IN00: 0.2 } })],
    ['a dropped model', (one) => withModel(one, 'food', { enabled: false })],
    ['another file', (one) => withModel(one, 'food', { path: '/other' })],
    ['the method', (one) => ({ ...one, method: { ...one.method, name: 'ties' } })],
    ['the parts', (one) => ({ ...one, output: { ...one.output, include: ['unet', 'vae'] } })],
  ])('changes with %s', (_, change) => {
    expect(weightsKey(change(project))).not.toBe(weightsKey(project))
  })

  it('does not change with what a dropped model would weigh', () => {
    const dropped = withModel(project, 'food', { enabled: false })
    expect(weightsKey(withModel(dropped, 'food', { weight: 2 }))).toBe(weightsKey(dropped))
    expect(weightsKey(mergeOfVariant(project, { type: 'without', name: 'food' })!)).toBe(weightsKey(dropped))
    expect(weightsKey(mergeOfVariant(dropped, { type: 'with', name: 'food' })!)).toBe(weightsKey(project))
  })

  it('of the plain average are equal parts', () => {
    const { models, method } = mergeOfVariant(project, { type: 'soup' })!
    expect(models.map(({ weight }) => weight)).toEqual([1, 1, 1])
    expect(method.name).toBe('soup')
  })
})
