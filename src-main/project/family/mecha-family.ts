import type { Relative } from '../../contract/document/family'
import { nameOfPlace, Refusal } from '../foreign/foreign-recipe'
import { parseMechaText, type MechaCommand } from '../foreign/mecha-text'

/** Steps inside one another; what is deeper is not told. */
const DEEPEST = 24
/** Steps that are looked at: where lines name one another twice, and twice again, there would be no end. */
const MOST_STEPS = 2000
/** Steps that make no model: what goes into them is told in their place. */
const NO_MODEL = /^(?:convert_.*|subtract|scale|cast|clamp)$/

/** From what, and how, a recipe of sd-mecha merges; null where it cannot be read, or merges nothing. */
export function mechaFamily(text: string): Pick<Relative, 'method' | 'parents'> | null {
  const commands = commandsIn(text)
  const models = new Map<string, Relative>()
  let left = MOST_STEPS

  /** The models that go into what a line gives. */
  function relativesOf(index: number, depth: number): Relative[] {
    const { command, positional } = commands[index]!
    const [first] = positional
    if (left-- <= 0 || depth > DEEPEST || first?.kind !== 'text') return []
    if (command === 'model') return [modelAt(first.text)]
    if (command !== 'merge') return []
    const found = linesIn(commands[index]!, first.text).flatMap((line) => relativesOf(line, depth + 1))
    const parents = [...new Set(found)]
    if (parents.length < 2 || NO_MODEL.test(first.text)) return parents
    return [{ name: 'a merge', sha256: null, method: first.text, weight: null, parents }]
  }

  function modelAt(place: string): Relative {
    const model = models.get(place) ?? leaf(nameOfPlace(place))
    models.set(place, model)
    return model
  }

  const [merged, ...others] = commands.length === 0 ? [] : relativesOf(commands.length - 1, 0)
  return merged?.method != null && others.length === 0 ? { method: merged.method, parents: merged.parents } : null
}

function commandsIn(text: string): MechaCommand[] {
  try {
    return parseMechaText(text)
  } catch (error) {
    if (error instanceof Refusal) return []
    throw error
  }
}

/** The lines that a merge is given; of a fallback that which it completes. */
function linesIn({ positional, named }: MechaCommand, method: string): number[] {
  const given = method === 'fallback' ? positional.slice(1, 2) : [...positional.slice(1), ...named.values()]
  return [...new Set(given.flatMap((argument) => (argument.kind === 'reference' ? [argument.to] : [])))]
}

function leaf(name: string): Relative {
  return { name, sha256: null, method: null, weight: null, parents: [] }
}
