import { OPEN_RESULT_HINT, Refusal } from './foreign-recipe'
import type { Blocks, Value } from './mecha-calls'
import { constant } from './mecha-sums'
import { malformed, type MechaArgument, type MechaCommand } from './mecha-text'

/** sd-mecha's kinds of numbers by block, with their labels; BASE is all that is in no other block. */
const BLOCKS: Readonly<Record<string, readonly string[]>> = {
  'sd1-supermerger_blocks': ['BASE', ...numbered('IN', 12), 'M00', ...numbered('OUT', 12)],
  'sdxl-supermerger_blocks': ['BASE', ...numbered('IN', 9), 'M00', ...numbered('OUT', 9), 'VAE'],
}
const SINGLE = 'singleton-mecha'

/** What a literal of sd-mecha is: one value, or one for each block. @throws Refusal */
export function literalOf({ positional, named, line }: MechaCommand, commands: readonly MechaCommand[]): Value {
  const [reference] = positional
  const dict = reference?.kind === 'reference' ? commands[reference.to]! : null
  if (dict?.command !== 'dict') throw malformed(line, 'a literal has no values')
  const kind = named.get('model_config')
  const config = kind?.kind === 'text' ? kind.text : ''
  if (config === SINGLE) return valueOf(dict.named.get('key'), line)
  const labels = Object.hasOwn(BLOCKS, config) ? BLOCKS[config] : undefined
  if (!labels) {
    throw new Refusal(
      `it has values for single tensors (“${config || 'no model_config'}”), and weights of the whole model or by block are read`,
      'Give such layers their weights in Tune.',
    )
  }
  const blocks: Record<string, number> = {}
  for (const [label, argument] of dict.named) {
    if (!labels.includes(label)) throw malformed(dict.line, `“${label.slice(0, 40)}” is no block of ${config}`)
    if (argument.kind !== 'number') throw malformed(dict.line, `${label} is no number`)
    blocks[label] = argument.value
  }
  return wholeOr({ kind: 'blocks', blocks, labels })
}

/** Numbers by block as a factor once each block has one. */
export function wholeOr(value: Blocks): Value {
  const { blocks, labels } = value
  if (labels.some((label) => !Object.hasOwn(blocks, label))) return value
  const { BASE: all, ...others } = blocks
  const apart = Object.entries(others).filter(([, own]) => own !== all)
  return { kind: 'number', factor: { all: all!, blocks: Object.fromEntries(apart) } }
}

function valueOf(argument: MechaArgument | undefined, line: number): Value {
  if (argument?.kind === 'number') return { kind: 'number', factor: constant(argument.value) }
  if (argument === undefined || argument.kind === 'reference')
    throw new Refusal(`line ${line} is a literal of something else than a value`, OPEN_RESULT_HINT)
  return argument
}

function numbered(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}${String(index).padStart(2, '0')}`)
}
