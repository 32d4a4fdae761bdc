import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { repairText, unescapeHtml } from '../../../../src-main/engine/tokenizer/repair-text'

/** What ftfy 6.3.1's fix_text gives, and Python's html.unescape twice of it. */
const REPAIRED = JSON.parse(readFileSync(new URL('repaired-texts.json', import.meta.url), 'utf8')) as {
  text: string
  repaired: string
  unescaped: string
}[]

describe('a text as ftfy repairs it', () => {
  it.each(REPAIRED)('$text', ({ text, repaired, unescaped }) => {
    expect(repairText(text)).toBe(repaired)
    expect(unescapeHtml(unescapeHtml(repairText(text)))).toBe(unescaped)
  })

  it('comes out the same when it is repaired again', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const once = repairText(text)
        fc.pre(!once.includes('<') && !once.includes('\n'))
        expect(repairText(once)).toBe(once)
      }),
    )
  })

  it('keeps mojibake as it is', () => {
    expect(repairText('cafÃ©')).toBe('cafÃ©')
  })
})
