import { describe, expect, it } from 'vitest'
import { ENDINGS, nameProblem, targetName, withEnding } from '../../../../src-main/contract/document/names/file-names'

describe('names of files', () => {
  it.each([
    ['a:b', /:.*Windows/],
    ['what?', /\?/],
    ['my/merge', /\/.*folder/],
    ['my\\merge', /\\.*folder/],
    ['CON', /CON.*device/],
    ['nul.safetensors', /nul.*device/],
    ['merge.', /dot or a space/],
    ['merge ', /dot or a space/],
    ['a\tb', /control/],
    [' ', /Give it a name/],
    ['é'.repeat(128), /255 bytes/],
  ])('%j is refused in words', (name, words) => {
    expect(nameProblem(name)).toMatch(words)
  })

  it.each(['merge', 'my merge (1).v2', 'console', 'comb1', 'übung', 'x'.repeat(255)])('%j is allowed', (name) => {
    expect(nameProblem(name)).toBeNull()
  })

  it('get the ending that they lack', () => {
    expect(withEnding('demo', ENDINGS.project)).toBe('demo.fusion.json')
    expect(withEnding('demo.json', ENDINGS.project)).toBe('demo.fusion.json')
    expect(withEnding('Demo.FUSION.json', ENDINGS.project)).toBe('Demo.FUSION.json')
    expect(withEnding('v1.5', ENDINGS.weights)).toBe('v1.5.safetensors')
  })
})

describe('places to write to', () => {
  it('keep their folder, whose name may be any', () => {
    expect(targetName('/a:b/demo', ENDINGS.project)).toBe('/a:b/demo.fusion.json')
    expect(targetName('C:\\models\\demo', ENDINGS.weights)).toBe('C:\\models\\demo.safetensors')
    expect(targetName('/a/folder', null)).toBe('/a/folder')
  })

  it('are refused by name, with the reason', () => {
    expect(() => targetName('/a/my/../merge:1', ENDINGS.weights)).toThrow(/merge:1 cannot/)
    expect(() => targetName('/a/', ENDINGS.weights)).toThrow(/names a folder/)
    expect(() => targetName(`/a/${'x'.repeat(250)}`, ENDINGS.weights)).toThrow(/cannot be the name/)
  })
})
