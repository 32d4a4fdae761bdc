import { groupBy } from '../../../src-main/contract/values/group-by'

/** A beginning that names must share for it to be left out; shorter ones help to recognise a name. */
const LEAST_SHARED = 10
/** Names up to this length fit wherever names stand. */
const FITTING = 16
/** What separates two words of a name. */
const SEPARATOR = /[\s_./-]+(?=[^\s_./-])/g

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

/** @param keepsWord whether the first word of what is left out stays in front of the '…' */
function shortened(names: readonly string[], keepsWord: boolean): string[] {
  const result = [...names]
  for (const places of groupBy(names.keys(), (place) => names[place]!.slice(0, LEAST_SHARED)).values()) {
    const own = places.map((place) => names[place]!)
    const shared = sharedBeginning(own)
    if (own.length < 2 || shared.length < LEAST_SHARED || own.every(({ length }) => length <= FITTING)) continue
    const word = keepsWord ? shared.split(SEPARATOR)[0]! : ''
    const rests = own.map((name) => name.slice(shared.length))
    for (const [index, rest] of shortened(rests, true).entries()) result[places[index]!] = `${word}…${rest}`
  }
  return result
}

/** The words with which all names begin; every name has one more. */
function sharedBeginning(names: readonly string[]): string {
  const [first, ...others] = names
  const ends = [...first!.matchAll(SEPARATOR)].map((match) => match.index + match[0].length)
  const end = ends.findLast((at) => others.every((name) => name.startsWith(first!.slice(0, at)) && name.length > at))
  return first!.slice(0, end ?? 0)
}
