/** What damage and malice put into texts: ends of quotes and lines, references, huge numbers, other alphabets. */
const PIECES = [
  '"',
  '\\',
  '\n',
  ' ',
  '=',
  '&',
  '&0',
  '&99999',
  '-',
  '1e999',
  '{',
  '[',
  '*a',
  '&a ',
  ': ',
  'null',
  '\0',
  'ü',
  '\u2028',
]

/** A text changed in one to three places; the same ones every time. */
export function* mutations(text: string, count: number): Generator<string> {
  let state = 1
  const random = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
  for (let number = 0; number < count; number++) {
    let changed = text
    for (let places = 1 + random(3); places > 0; places--) {
      const [at, removed] = [random(changed.length + 1), random(4)]
      const piece = random(4) === 0 ? '' : PIECES[random(PIECES.length)]!
      changed = changed.slice(0, at) + piece + changed.slice(at + removed)
    }
    yield random(10) === 0 ? changed.slice(0, random(changed.length)) : changed
  }
}
