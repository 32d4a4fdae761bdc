import { decodeHTML, decodeHTMLStrict } from 'entities/decode'

/**
 * What ftfy's `fix_text` does to the texts that people write: HTML entities with their semicolon (not in texts with a <),
 * ligatures of Latin letters, full and half width, curly quotes, line breaks, surrogates, escapes of terminals, control
 * characters, and NFC; again until nothing changes.
 *
 * It does not repair mojibake (UTF-8 that was read as another encoding, `cafÃ©`): ftfy guesses there, by statistics of
 * letters. Such texts stay as they are.
 */
export function repairText(text: string): string {
  let keepsEntities = false
  // Line by line: a < leaves the entities of its own and of all later lines alone.
  return text
    .split(/(?<=\n)/)
    .map((line) => {
      keepsEntities ||= line.includes('<')
      return repairLine(line, keepsEntities)
    })
    .join('')
}

/** HTML's entities as Python's `html.unescape` reads them: those of old without a semicolon, too. */
export function unescapeHtml(text: string): string {
  return decodeHTML(text)
}

function repairLine(line: string, keepsEntities: boolean): string {
  let text = line
  for (let before = null; before !== text;) {
    before = text
    if (!keepsEntities) text = text.replace(ENTITY, decodeEntity)
    for (const [found, repaired] of REPAIRS) text = text.replace(found, repaired)
    text = text.normalize('NFC')
  }
  return text
}

const ENTITY = /&#?[0-9A-Za-z]{1,24};/g

/** Entities in capitals (`&EACUTE;`) are read where HTML has none of that name. */
function decodeEntity(entity: string): string {
  const decoded = decodeHTMLStrict(entity)
  if (decoded !== entity || entity !== entity.toUpperCase()) return decoded
  const small = decodeHTMLStrict(entity.toLowerCase())
  return small === entity.toLowerCase() ? entity : small.toUpperCase()
}

const LIGATURES: Readonly<Record<string, string>> = {
  ...{ Ĳ: 'IJ', ĳ: 'ij', ŉ: 'ʼn', Ǳ: 'DZ', ǲ: 'Dz', ǳ: 'dz', Ǆ: 'DŽ', ǅ: 'Dž', ǆ: 'dž', Ǉ: 'LJ', ǈ: 'Lj', ǉ: 'lj' },
  ...{ Ǌ: 'NJ', ǋ: 'Nj', ǌ: 'nj', ﬀ: 'ff', ﬁ: 'fi', ﬂ: 'fl', ﬃ: 'ffi', ﬄ: 'ffl', ﬅ: 'ſt', ﬆ: 'st' },
}

/** In ftfy's order. */
const REPAIRS: readonly (readonly [RegExp, (found: string) => string])[] = [
  // As Windows-1252 has them, by HTML's rule for their numbers: TextDecoder of some releases of Node takes Latin-1.
  [/[\u0080-\u009f]/g, (control) => decodeHTMLStrict(`&#${control.charCodeAt(0)};`)],
  [/[ĲĳŉǱ-ǳǄ-ǌﬀ-ﬆ]/g, (ligature) => LIGATURES[ligature]!],
  [/\u3000/g, () => ' '],
  [/[\uff01-\uffef]/g, (wide) => wide.normalize('NFKC')],
  [/[\u02bc\u2018-\u201b]/g, () => "'"],
  [/[\u201c-\u201f]/g, () => '"'],
  [/\r\n|[\r\u2028\u2029\u0085]/g, () => '\n'],
  [/\p{Surrogate}/gu, () => '\ufffd'],
  // eslint-disable-next-line no-control-regex -- they are what is looked for
  [/\x1b\[[\d;]*[a-zA-Z]/g, () => ''],
  // eslint-disable-next-line no-control-regex -- they are what is looked for
  [/[\0-\x08\x0b\x0e-\x1f\x7f\u206a-\u206f\ufeff\ufff9-\ufffc]/g, () => ''],
]
