import { expect, it } from 'vitest'
import { promptBookSchema, styledPrompt } from '../../../../src-main/contract/document/prompt-styles'

it('a style stands around a prompt, only while it is chosen', () => {
  const styles = [
    { name: 'ink', before: 'an ink drawing of ', after: ', black and white' },
    { name: 'plain', before: '', after: '' },
  ]
  const book = promptBookSchema.parse({ styles })
  expect(styledPrompt('a taco', {})).toBe('a taco')
  expect(styledPrompt('a taco', { book })).toBe('a taco')
  expect(styledPrompt('a taco', { book: { ...book, style: 'ink' } })).toBe('an ink drawing of a taco , black and white')
  expect(styledPrompt('a taco', { book: { ...book, style: 'plain' } })).toBe('a taco')
  expect(styledPrompt('a taco', { book: { ...book, style: 'gone' } })).toBe('a taco')
})
