import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { METHOD_FAMILIES, type Parameter } from '../../../../src-main/contract/methods/descriptor'
import { METHODS } from '../../../../src-main/contract/methods/index'
import { activeParameters, needOf, parameterValue } from '../../../../src-main/contract/methods/settings'
import { methodWords } from '../../../../src-main/contract/methods/words'
import { methodSchema, needsCalibration } from '../../../../src-main/contract/document/project'
import { methodNamed } from '../../../../src-main/engine/merge/methods/index'
import { findGoldenFolders } from '../../../golden-runner/golden-set'
import { goldenMethod } from '../../../golden-runner/golden-methods'

describe.each(METHODS.map((method) => [method.name, method] as const))('%s', (name, method) => {
  it('is described in plain words, and has arithmetic', () => {
    expect(method.summary).toMatch(/^[A-Z][^.]*\.$/)
    expect(methodNamed(name)).toMatchObject(method)
    for (const { label, hint, help } of method.parameters) {
      expect(label).toMatch(/^[A-Z]/)
      expect(hint).toMatch(/\.$/)
      expect(help).not.toMatch(/\.$/)
    }
  })

  it('has defaults that are valid', () => {
    const settings = methodSchema.parse({ name })
    for (const parameter of method.parameters) {
      const value = parameterValue(parameter, settings)
      expect(methodSchema.parse({ name, [parameter.key]: value })).toMatchObject({ [parameter.key]: value })
    }
  })

  it('names only parameters of its own', () => {
    const choices = new Map(
      method.parameters.flatMap((parameter) =>
        parameter.kind === 'choice' ? [[parameter.key, parameter.choices.map(({ value }) => value)]] : [],
      ),
    )
    for (const parameter of method.parameters) {
      const { when } = parameter
      if (when) expect(choices.get(when.key)).toContain(when.is)
      if (parameter.kind === 'automatic') {
        expect(choices.get(parameter.default.by)?.toSorted()).toEqual(Object.keys(parameter.default.values).toSorted())
      }
    }
    const keys = method.parameters.map(({ key }) => key)
    for (const { settings = {}, perSpecialist = [] } of method.leaderboard) {
      expect(keys).toEqual(expect.arrayContaining([...Object.keys(settings), ...perSpecialist]))
      expect(methodSchema.parse({ name, ...settings })).toMatchObject(settings)
    }
  })
})

it('a parameter that several methods have is described once', () => {
  const described = new Map<string, Parameter>()
  for (const { parameters } of METHODS)
    for (const { when: _when, ...parameter } of parameters) {
      expect(described.get(parameter.key) ?? parameter).toEqual(parameter)
      described.set(parameter.key, parameter)
    }
})

it('every method has reference data', () => {
  const tested = findGoldenFolders('tests/golden').flatMap((folder) => {
    const manifest = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as {
      cases: { op: string; params: Record<string, unknown> }[]
    }
    return manifest.cases.flatMap(({ op, params }) => {
      if (op === 'sequential_regression') return String(params['method']).replaceAll('_', '-')
      if (op === 'merge_method') return goldenMethod(params)?.name ?? []
      if (op === 'zipit_match') return 'zipit'
      return op === 'fusion_merge' ? 'featurefusion' : op.startsWith('feature_regression') ? 'feature-regression' : []
    })
  })
  expect(METHODS.map(({ name }) => name).filter((name) => !tested.includes(name))).toEqual([])
})

it('names, titles and rows of the leaderboard tell methods apart', () => {
  const rows = METHODS.flatMap(({ leaderboard }) => leaderboard.map(({ name }) => name))
  for (const words of [METHODS.map(({ name }) => name), METHODS.map(({ title }) => title), rows])
    expect(new Set(words).size).toBe(words.length)
})

it('methods of one family follow one another, in the order of the families', () => {
  const families = METHODS.map(({ family }) => family)
  const order = Object.keys(METHOD_FAMILIES)
  expect(families).toEqual(families.toSorted((a, b) => order.indexOf(a) - order.indexOf(b)))
})

describe('settings of projects and recipes', () => {
  it('have the defaults that they always had', () => {
    expect(methodSchema.parse({})).toMatchObject({
      name: 'featurefusion',
      statistics: 'exact',
      samples: 100,
      seed: 0,
      normaliser: 'aligned',
      reuse: false,
      layerKinds: [],
      density: 0.5,
      scale: 1,
      sign: 'sum',
      rescale: 'density',
      ridge: 1,
    })
  })

  it.each([
    ['density', [1e-9, 1], [0, 1.001, -1]],
    ['scale', [-1e6, 0, 1e6], [1e6 + 1, Infinity]],
    ['ridge', [1e-9, 1e6], [0, 1e6 + 1]],
    ['samples', [1, 65_536], [0, 1.5, 65_537]],
    ['seed', [0, Number.MAX_SAFE_INTEGER], [-1, 0.5]],
    ['threshold', [undefined, 'auto', 0, 1], [-0.1, 1.1, 'none']],
    ['statistics', ['exact', 'sampled', 'calibrated'], ['other']],
    ['normaliser', ['aligned', 'paper', 'abs'], [1]],
    ['sign', ['sum', 'count'], ['']],
    ['rescale', ['density', 'l1'], [null]],
  ])('%s has the range that it always had', (key, valid, invalid) => {
    for (const value of valid) expect(methodSchema.safeParse({ [key]: value }).success, String(value)).toBe(true)
    for (const value of invalid) expect(methodSchema.safeParse({ [key]: value }).success, String(value)).toBe(false)
  })

  it('count while another one has its value', () => {
    const fusion = methodNamed('featurefusion')
    const keys = (settings: object): string[] =>
      activeParameters(fusion, methodSchema.parse(settings)).map((p) => p.key)
    expect(keys({})).toEqual(['statistics', 'normaliser', 'threshold'])
    expect(keys({ statistics: 'sampled' })).toEqual(['statistics', 'normaliser', 'threshold', 'samples', 'seed'])
  })

  it('say what a merge needs beside the models', () => {
    expect(needOf(methodNamed('soup'), methodSchema.parse({ name: 'soup', statistics: 'calibrated' }))).toBeNull()
    expect(needsCalibration(methodSchema.parse({ statistics: 'calibrated' }))).toBe(true)
    expect(needsCalibration(methodSchema.parse({ statistics: 'sampled' }))).toBe(false)
    expect(needsCalibration(methodSchema.parse({ name: 'feature-regression' }))).toBe(true)
    expect(needsCalibration(methodSchema.parse({ name: 'ties', statistics: 'calibrated' }))).toBe(false)
  })

  it.each([
    [{}, 'FeatureFusion, aligned'],
    [{ statistics: 'sampled', samples: 7, threshold: 'auto' }, 'FeatureFusion, sampled, aligned, threshold auto'],
    [{ normaliser: 'paper', threshold: 0.25 }, 'FeatureFusion, paper, threshold 0.25'],
    [{ name: 'ties' }, 'TIES, density 0.5, scale 1'],
    [{ name: 'ties', density: 0.2, scale: 1 / 3, sign: 'count' }, 'TIES, density 0.2, scale 0.333, sign by number'],
    [{ name: 'soup', scale: 3 }, 'Soup'],
    [{ name: 'soup', align: true }, 'Soup, specialists aligned'],
    [{ name: 'feature-regression', ridge: 2 }, 'Feature regression'],
  ])('name a method: %j is %s', (settings, words) => expect(methodWords(methodSchema.parse(settings))).toBe(words))
})
