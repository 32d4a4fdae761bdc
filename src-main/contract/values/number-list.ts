/** Numbers as people write them, or what is wrong with them as a sentence. */
export type NumberList = { values: number[] } | { problem: string }

const NUMBER = String.raw`[-−]?\d*\.?\d+`
const INTERPOLATED = new RegExp(`^(${NUMBER})\\s*\\.\\.\\s*(${NUMBER})(?:\\s+in\\s+(\\d+))?$`)
const RANDOM = new RegExp(`^random\\s+(${NUMBER})\\s*\\.\\.\\s*(${NUMBER})\\s+in\\s+(\\d+)(?:\\s+seed\\s+(\\d+))?$`)
/** As A1111's web UI writes them: '1-5 (+2)' and '0-1 [5]'. */
const STEPPED = new RegExp(`^(${NUMBER})\\s*-\\s*(${NUMBER})\\s*\\(\\s*\\+?\\s*(${NUMBER})\\s*\\)$`)
const COUNTED = new RegExp(`^(${NUMBER})\\s*-\\s*(${NUMBER})\\s*\\[\\s*(\\d+)\\s*\\]$`)
const WHOLE_RANGE = /^(\d+)\s*[-–]\s*(\d+)$/
const DIGITS = 6

/**
 * Reads '0, 0.5, 1', '0..1 in 5' (interpolated), 'random 0..1 in 5' (with 'seed 7': other ones), '1-4', and A1111's
 * '0-1 [5]' and '1-5 (+2)'.
 * @param most numbers that a list may have
 */
export function parseNumbers(text: string, most: number): NumberList {
  const values: number[] = []
  for (const part of text.split(/[,;\n]/).map((one) => one.trim())) {
    if (part === '') continue
    const some = numbersOf(part, most)
    if (some === null) return { problem: `“${part}” is no number: write 0.5, or 0..1 in 5, or random 0..1 in 5.` }
    values.push(...some)
  }
  if (values.length === 0) return { problem: 'Write at least one value.' }
  return values.length > most ? { problem: `These are more than ${most} values.` } : { values }
}

/** The numbers of one part; null where it is none. More than `most` are not counted out. */
function numbersOf(part: string, most: number): number[] | null {
  const [, from, to, count] = INTERPOLATED.exec(part) ?? COUNTED.exec(part) ?? []
  if (from !== undefined) return spread(number(from), number(to!), Math.min(Number(count ?? 5), most + 1))
  const [, low, high, many, seed] = RANDOM.exec(part) ?? []
  if (low !== undefined) return random(number(low), number(high!), Math.min(Number(many), most + 1), Number(seed ?? 0))
  const [, first, last, step] = STEPPED.exec(part) ?? WHOLE_RANGE.exec(part) ?? []
  if (first !== undefined) return counted(number(first), number(last!), number(step ?? '1'), most + 1)
  return new RegExp(`^${NUMBER}$`).test(part) ? [number(part)] : null
}

function number(text: string): number {
  return Number(text.replace('−', '-'))
}

function spread(from: number, to: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => rounded(count === 1 ? from : from + ((to - from) * i) / (count - 1)))
}

function counted(from: number, to: number, step: number, most: number): number[] | null {
  if (step <= 0 || to < from) return null
  const count = Math.min(most, Math.floor((to - from) / step + 1e-9) + 1)
  return Array.from({ length: count }, (_, i) => rounded(from + i * step))
}

/** The same numbers for the same seed: mulberry32. */
function random(from: number, to: number, count: number, seed: number): number[] {
  let state = seed >>> 0
  return Array.from({ length: count }, () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return Number((from + (to - from) * (((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32)).toFixed(3))
  })
}

function rounded(value: number): number {
  return Number(value.toFixed(DIGITS))
}
