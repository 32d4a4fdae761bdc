import { groupBy } from '../../../src-main/contract/values/group-by'

/** A beginning that names must share for it to be left out; shorter ones help to recognise a name. */
const LEAST_SHARED = 8
/** Names up to this length fit wherever names stand. */
const FITTING = 14
/** Of what long names have in common, this much may stay, so that what is left out ends with a word … */
const MOST_KEPT = 8
/** … unless what tells them apart would then be pushed out of narrow places: more letters than these. */
const MOST_WITH_KEPT = 10
/** So few letters push nothing out. */
const FEW_KEPT = 4
const AFTER_SEPARATOR = /(?<=[\s_./-])(?=[^\s_./-])/g
const WRITTEN_TOGETHER = /(?<=\p{Ll})(?=\p{Lu})|(?<=\p{L})(?=\p{N})|(?<=\p{N})(?=\p{L})/gu
/** Where the next word of a name begins, the better places first; at last, at any letter. */
const BEGINNINGS = [AFTER_SEPARATOR, WRITTEN_TOGETHER, /(?<=.)(?=.)/gsu] as const
/** Where a line may end in a name. */
const WORD = /(?<=[\s_./-])(?=[^\s_./-])|(?<=\p{Ll})(?=\p{Lu})/u

/**
 * Short names that tell models apart: of long names that begin alike, what they have in common is '…'. Of
 * 'vision_v51_food_2024' and 'vision_v51_flat_2024': '…food_2024' and '…flat_2024'.
 * @returns by the whole name; names that stay as they are are not in it
 */
export function distinctNames(names: readonly string[]): Map<string, string> {
  const short = shortened(names, false).map((text, index) => ({ name: names[index]!, text }))
  const alike = groupBy(short, ({ text }) => text)
  const telling = short.filter(({ name, text }) => text !== name && alike.get(text)!.length === 1)
  return new Map(telling.map(({ name, text }) => [name, text]))
}

/** Names that begin alike. */
interface Group {
  /** Their first letters, which no other group has. */
  start: string
  places: readonly number[]
  /** What they have in common and can be left out. */
  shared: string
}

/** The words of a name, each with what separates it from the next: between them a line may end. */
export function wordsOf(name: string): string[] {
  return name.split(WORD)
}

/** @param keepsWord whether the first word of what is left out stays in front of the '…' */
function shortened(names: readonly string[], keepsWord: boolean): string[] {
  const result = [...names]
  const groups = groupsOf(names)
  const alike = groupBy(groups, firstWord)
  for (const group of groups) {
    const own = group.places.map((place) => names[place]!)
    if (group.shared === '' || own.every(({ length }) => length <= FITTING)) continue
    const word = firstWord(group)
    const telling = word.length <= LEAST_SHARED && alike.get(word)!.length === 1 ? word : group.start
    const rests = own.map((name) => name.slice(group.shared.length))
    for (const [at, rest] of shortened(rests, true).entries())
      result[group.places[at]!] = `${keepsWord ? telling : ''}…${rest}`
  }
  return result
}

function groupsOf(names: readonly string[]): Group[] {
  return [...groupBy(names.keys(), (place) => names[place]!.slice(0, LEAST_SHARED))].map(([start, places]) => {
    const all = places.map((place) => names[place]!)
    const common = commonStart(all)
    const shared = sharedBeginning(all)
    // A name with which all others begin is told from them by that; it stays, and they have more in common.
    if (shared !== '' || !all.includes(common)) return { start, places, shared }
    const others = places.filter((place) => names[place] !== common)
    return { start, places: others, shared: sharedBeginning(others.map((place) => names[place]!)) }
  })
}

function firstWord({ shared }: Group): string {
  return shared.split(AFTER_SEPARATOR)[0]!.replace(/[\s_./-]+$/, '')
}

/** The words with which all names begin, '' where they are too few to be left out; every name has one more. */
function sharedBeginning(names: readonly string[]): string {
  const common = commonStart(names)
  const lengths = names.map(({ length }) => length)
  const [shortest, longest] = [Math.min(...lengths), Math.max(...lengths)]
  if (names.length < 2) return ''
  const ends = BEGINNINGS.map((beginning, kind) => {
    const isAnyLetter = kind === BEGINNINGS.length - 1
    // Letters alone tell nothing of a name that is the beginning of the others.
    if (isAnyLetter && shortest === common.length) return 0
    const places = [...names[0]!.matchAll(beginning)].map(({ index }) => index)
    return places.findLast((at) => at <= common.length && at < shortest) ?? 0
  })
  const end = ends.find((at) => {
    const kept = common.length - at
    return at >= LEAST_SHARED && kept <= MOST_KEPT && (kept <= FEW_KEPT || longest - at <= MOST_WITH_KEPT)
  })
  return common.slice(0, end ?? 0)
}

/** The letters with which all names begin. */
function commonStart(names: readonly string[]): string {
  const [first = '', ...others] = names
  let length = first.length
  for (const name of others) while (!name.startsWith(first.slice(0, length))) length--
  return first.slice(0, length)
}
