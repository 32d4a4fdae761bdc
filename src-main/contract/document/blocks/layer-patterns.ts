import type { MethodSettings, ModelEntry } from '../project'

/** Names that a message suggests. */
const SUGGESTIONS = 3
/** Characters of patterns and names, and names, that are compared for suggestions: more than any real network has. */
const MOST_CHARACTERS = 200
const MOST_NAMES = 10_000

/**
 * Whether a layer pattern matches one of the names of a tensor: the whole name, or a run of whole parts between dots
 * (`attn1` matches `mid_block.attentions.0.transformer_blocks.0.attn1.to_q.weight`). `*` stands for any characters.
 * Linear in pattern × name: both ends are open, so the first place of every piece between two `*` is the best one.
 */
export function matchesPattern(pattern: string, names: readonly string[]): boolean {
  const pieces = `.${pattern}.`.split('*')
  return names.some((name) => {
    const text = `.${name}.`
    let from = 0
    return pieces.every((piece) => {
      const at = text.indexOf(piece, from)
      from = at + piece.length
      return at >= 0
    })
  })
}

/**
 * The weight of a model for one tensor: the last layer pattern that matches, else its block's weight, else its own.
 * @param names all names of the tensor: diffusers', the single file's
 */
export function weightOf(
  model: Pick<ModelEntry, 'enabled' | 'layers' | 'blocks' | 'weight'>,
  names: readonly string[],
  block: string,
): number {
  if (!model.enabled) return 0
  const layer = model.layers.findLast(({ pattern }) => matchesPattern(pattern, names))
  return layer?.weight ?? model.blocks[block] ?? model.weight
}

/** What a merged tensor is multiplied by. @param names all names of the tensor */
export function gainOf({ gains }: Pick<MethodSettings, 'gains'>, names: readonly string[]): number {
  return gains.findLast(({ pattern }) => matchesPattern(pattern, names))?.weight ?? 1
}

/** What a person should know whose pattern matches none of `names`: how patterns work, and the nearest names. */
export function unmatchedHint(pattern: string, names: readonly string[]): string {
  const nearest = nearestNames(pattern, names)
  const rule = 'A pattern matches whole parts of a name between dots; * stands for anything.'
  return nearest.length > 0 ? `The nearest names are ${nearest.join(', ')}. ${rule}` : rule
}

/**
 * What a pattern that matches nothing may have meant, nearest first: runs of as many parts of the names as the pattern
 * has; whole names where it has a `*`.
 */
export function nearestNames(pattern: string, names: readonly string[]): string[] {
  if (pattern.length > MOST_CHARACTERS) return []
  const isOpen = pattern.includes('*')
  const parts = pattern.split('.').length
  const compared = names.slice(0, MOST_NAMES).filter((name) => name.length <= MOST_CHARACTERS)
  const candidates = new Set(isOpen ? compared : compared.flatMap((name) => runsOf(name, parts)))
  const wanted = isOpen ? `*${pattern}*` : pattern
  return [...candidates]
    .map((name) => ({ name, distance: editDistance(wanted, name) }))
    .sort((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1))
    .slice(0, SUGGESTIONS)
    .map(({ name }) => name)
}

/** All runs of `count` parts of a name. */
function runsOf(name: string, count: number): string[] {
  const parts = name.split('.')
  return Array.from({ length: Math.max(1, parts.length - count + 1) }, (_, at) => parts.slice(at, at + count).join('.'))
}

/** Levenshtein's distance; a `*` of the pattern takes any characters at no cost. */
function editDistance(pattern: string, name: string): number {
  let row = Array.from({ length: name.length + 1 }, (_, at) => at)
  for (const [index, letter] of [...pattern].entries()) {
    const next = [letter === '*' ? row[0]! : index + 1]
    for (let at = 1; at <= name.length; at++) {
      const [diagonal, above, left] = [row[at - 1]!, row[at]!, next[at - 1]!]
      next.push(
        letter === '*'
          ? Math.min(above, left)
          : Math.min(diagonal + Number(letter !== name[at - 1]), above + 1, left + 1),
      )
    }
    row = next
  }
  return row.at(-1)!
}
