import { FusionError } from '../../contract/errors'

/** Longer patterns than any that a person writes. */
const MOST_CHARACTERS = 500
/** With more repetitions than this, a pattern that matches nearly could take minutes on a long name. */
const MOST_REPETITIONS = 2
const MOST_NAME_CHARACTERS = 500

/**
 * The value of the first pattern that matches the end of a module's name, from a point or from its start (peft:
 * get_pattern_key). PEFT's patterns are regular expressions; those that could take long are refused, as they come from
 * a file of somebody else.
 * @throws FusionError 'unsupported' names the pattern
 */
export function matchPeftPattern(patterns: Readonly<Record<string, number>>, module: string): number | undefined {
  return Object.entries(patterns).find(([pattern]) => matches(pattern, module))?.[1]
}

function matches(pattern: string, module: string): boolean {
  if (module === pattern || module.endsWith(`.${pattern}`)) return true
  if (/^[\w-]*$/.test(pattern)) return false
  if (module.length > MOST_NAME_CHARACTERS) return false
  return expressionOf(pattern).test(module)
}

function expressionOf(pattern: string): RegExp {
  const refuse = (why: string): FusionError =>
    new FusionError('unsupported', `The adapter's alpha_pattern '${pattern.slice(0, 100)}' ${why}.`, {
      hint: 'Write the names of the modules in its place, and give the adapter again.',
    })
  if (pattern.length > MOST_CHARACTERS) throw refuse(`has more than ${MOST_CHARACTERS} characters`)
  const plain = pattern
    .replace(/\\./g, 'x')
    .replace(/\[[^\]]*\]/g, 'x')
    .replaceAll('(?:', '(')
  if (/\)[*+{?]/.test(plain)) throw refuse('repeats a group, which is not supported')
  if ((plain.match(/[*+{?]/g) ?? []).length > MOST_REPETITIONS)
    throw refuse(`has more than ${MOST_REPETITIONS} repetitions`)
  try {
    return new RegExp(`^(?:.*\\.)?(?:${pattern})$`)
  } catch {
    throw refuse('is not a regular expression that this program knows')
  }
}
