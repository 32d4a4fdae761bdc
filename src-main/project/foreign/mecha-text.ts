import { Refusal } from './foreign-recipe'

/** A value in a line: a text, a number, a flag, nothing, or what an earlier line gives. */
export type MechaArgument =
  | { kind: 'text'; text: string }
  | { kind: 'number'; value: number }
  | { kind: 'flag'; value: boolean }
  | { kind: 'nothing' }
  | { kind: 'reference'; to: number }

export interface MechaCommand {
  command: 'dict' | 'model' | 'literal' | 'merge'
  /** Its line in the text, from 1 on. */
  line: number
  positional: MechaArgument[]
  named: Map<string, MechaArgument>
}

/** sd-mecha's MECHA_FORMAT_VERSION. */
const VERSION = '0.1.0'
/** Lines that say something. A recipe of 64 models with a step for each pair has a tenth of it. */
const MOST_COMMANDS = 20_000
const COMMANDS: readonly string[] = ['dict', 'model', 'literal', 'merge'] satisfies MechaCommand['command'][]
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i
const HINT = 'sd-mecha writes such texts with serialize(), and into the files that it merges. Get the file again.'

/** Whether a text is a recipe of sd-mecha, by how it begins. */
export function isMechaText(text: string): boolean {
  return /^version [\w.]+\r?\n/.test(text)
}

/**
 * The commands of a text in sd-mecha's format (its serialization.py): a version, then a command in each line; `&n` is
 * what the n-th command gives. Reads each character once.
 * @throws Refusal
 */
export function parseMechaText(text: string): MechaCommand[] {
  const [head, ...lines] = text.split(/\r?\n/)
  const version = /^version (\S+)$/.exec(head!.trim())?.[1]
  if (version === undefined) throw malformed(1, 'it does not begin with a version')
  if (version !== VERSION) {
    throw new Refusal(
      `it has version ${version.slice(0, 40)} of the format, and ${VERSION} is read`,
      'Write it again with sd-mecha 1.1.',
    )
  }
  const commands: MechaCommand[] = []
  for (const [index, text] of lines.entries()) {
    const line = index + 2
    if (text.trim() === '' || text.trim().startsWith('#')) continue
    if (commands.length === MOST_COMMANDS) throw malformed(line, `it has more than ${MOST_COMMANDS} lines`)
    commands.push(parseLine(text.trim(), line, commands.length))
  }
  if (commands.length === 0) throw malformed(1, 'it holds no step')
  return commands
}

function parseLine(text: string, line: number, before: number): MechaCommand {
  const [first, ...others] = tokens(text, line)
  const command = first?.isQuoted ? '' : (first?.text ?? '')
  if (!COMMANDS.includes(command)) throw malformed(line, `“${command.slice(0, 40)}” is no command`)
  const positional: MechaArgument[] = []
  const named = new Map<string, MechaArgument>()
  for (const token of others) {
    const argument = argumentOf(token, line, before)
    if (token.key === '') positional.push(argument)
    else if (named.has(token.key)) throw malformed(line, `“${token.key.slice(0, 80)}” stands twice`)
    else named.set(token.key, argument)
  }
  return { command: command as MechaCommand['command'], line, positional, named }
}

interface Token {
  /** What stands before an equals sign; '': nothing. */
  key: string
  text: string
  isQuoted: boolean
}

/** Words between spaces; quoted ones may hold spaces, and a backslash takes the next character as it is. */
function tokens(text: string, line: number): Token[] {
  const found: Token[] = []
  let current = ''
  let prefix: string | null = null
  let isEscaped = false
  const end = (): void => {
    if (current === '') return
    const at = current.indexOf('=')
    found.push({ key: current.slice(0, Math.max(0, at)), text: current.slice(at + 1), isQuoted: false })
    current = ''
  }
  for (const character of text) {
    if (isEscaped) {
      isEscaped = false
      current += character
    } else if (character === '\\') isEscaped = true
    else if (character === '"' && prefix === null) {
      if (current !== '' && !current.endsWith('=')) throw malformed(line, 'a quote stands inside a word')
      prefix = current.slice(0, -1)
      current = ''
    } else if (character === '"') {
      found.push({ key: prefix!, text: current, isQuoted: true })
      prefix = null
      current = ''
    } else if (character === ' ' && prefix === null) end()
    else current += character
  }
  if (prefix !== null || isEscaped) throw malformed(line, 'a quote is not closed')
  end()
  return found
}

function argumentOf({ text, isQuoted }: Token, line: number, before: number): MechaArgument {
  if (isQuoted) return { kind: 'text', text }
  if (text === 'null') return { kind: 'nothing' }
  if (text === 'true' || text === 'false') return { kind: 'flag', value: text === 'true' }
  if (/^&\d{1,9}$/.test(text)) {
    const to = Number(text.slice(1))
    if (to >= before) throw malformed(line, `${text} names no earlier line`)
    return { kind: 'reference', to }
  }
  const value = NUMBER.test(text) ? Number(text) : NaN
  if (!Number.isFinite(value)) throw malformed(line, `“${text.slice(0, 40)}” is no number, text or reference`)
  return { kind: 'number', value }
}

/** @param line from 1 on */
export function malformed(line: number, what: string): Refusal {
  return new Refusal(`line ${line}: ${what}`, HINT, 'malformed')
}
