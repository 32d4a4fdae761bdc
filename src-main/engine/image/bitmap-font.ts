/** Rows of 3 pixels, top to bottom, one octal digit each: 2 is the middle pixel. */
const GLYPHS: Readonly<Record<string, string>> = {
  A: '25755',
  B: '65656',
  C: '34443',
  D: '65556',
  E: '74647',
  F: '74644',
  G: '34553',
  H: '55755',
  I: '72227',
  J: '11152',
  K: '55655',
  L: '44447',
  M: '57755',
  N: '65555',
  O: '25552',
  P: '65644',
  Q: '25573',
  R: '65655',
  S: '34216',
  T: '72222',
  U: '55557',
  V: '55552',
  W: '55775',
  X: '55255',
  Y: '55222',
  Z: '71247',
  0: '75557',
  1: '26227',
  2: '61247',
  3: '61216',
  4: '55711',
  5: '74616',
  6: '34757',
  7: '71222',
  8: '75757',
  9: '75716',
  ' ': '00000',
  '+': '02720',
  '-': '00700',
  '.': '00002',
  ',': '00024',
  ':': '02020',
  "'": '22000',
  '(': '12221',
  ')': '42224',
  '/': '11244',
  '*': '05250',
  _: '00007',
}
const UNKNOWN = '61202'

const COLUMNS = 3
const ROWS = 5
/** Pixels of the picture per pixel of a glyph. */
const SCALE = 2

/** Pixels from one letter to the next, and from one line to the next. */
export const LETTER_WIDTH = (COLUMNS + 1) * SCALE
export const LINE_HEIGHT = (ROWS + 2) * SCALE

/** Draws one line of text, in capitals and without accents, by calling `fill` for every dark pixel. */
export function drawText(text: string, left: number, top: number, fill: (x: number, y: number) => void): void {
  const letters = [
    ...text
      .normalize('NFD')
      .replace(/\p{Diacritic}/gu, '')
      .toUpperCase(),
  ]
  letters.forEach((letter, place) => {
    const rows = GLYPHS[letter] ?? UNKNOWN
    for (let y = 0; y < ROWS * SCALE; y++)
      for (let x = 0; x < COLUMNS * SCALE; x++) {
        const bits = Number(rows[Math.floor(y / SCALE)])
        if ((bits >> (COLUMNS - 1 - Math.floor(x / SCALE))) & 1) fill(left + place * LETTER_WIDTH + x, top + y)
      }
  })
}
