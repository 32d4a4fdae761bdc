import { expect, it } from 'vitest'
import { asObject, objectIn, parseJson } from '../../../../src-main/contract/values/json-text'

it.each([
  ['{"a":1}', { a: 1 }, { a: 1 }],
  ['[1]', [1], null],
  ['null', null, null],
  ['2', 2, null],
  ['{', undefined, null],
  [undefined, undefined, null],
])('%j holds %j, and the object %j', (text, value, object) => {
  expect(parseJson(text)).toEqual(value)
  expect(objectIn(text)).toEqual(object)
  expect(asObject(value)).toEqual(object)
})
