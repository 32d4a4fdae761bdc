import { z } from 'zod'
import { FusionError } from '../../errors'
import { MOST_BLOCKS, nameSchema, weightSchema } from '../../values/limits'
import { blockLabel, labelledWeights } from './block-labels'
import { NAMED_PRESETS } from './named-presets'

/** Presets that a person may keep. */
export const MOST_PRESETS = 500

/** Weights by block without the names of the blocks, in network order. */
export const blockPresetSchema = z.strictObject({
  name: nameSchema,
  weights: z.array(weightSchema).min(1).max(MOST_BLOCKS),
})
export type BlockPreset = z.infer<typeof blockPresetSchema>

/** Weights by block, or numbers that are still to be given to blocks. */
export type PresetWeights = readonly number[] | Readonly<Record<string, number>>

const numbered = (prefix: string, numbers: readonly number[]): string[] =>
  numbers.map((number) => `${prefix}${String(number).padStart(2, '0')}`)
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index)

const SD = [...numbered('IN', upTo(12)), 'M00', ...numbered('OUT', upTo(12))]
const SDXL = [...numbered('IN', upTo(9)), 'M00', ...numbered('OUT', upTo(9))]
const ATTENTION = {
  SD: [...numbered('IN', [1, 2, 4, 5, 7, 8]), 'M00', ...numbered('OUT', [3, 4, 5, 6, 7, 8, 9, 10, 11])],
  SDXL: [...numbered('IN', [4, 5, 7, 8]), 'M00', ...numbered('OUT', [0, 1, 2, 3, 4, 5])],
}

interface Form {
  /** What the numbers of a list are for, in order. */
  names: readonly string[]
  /** The blocks of the networks that such lists are for. */
  of: readonly string[]
}

/** Lists as the field's programs have them: with BASE first, without it, and of the blocks that LoRAs change. */
const FORMS: readonly Form[] = [
  { names: ['BASE', ...SD], of: SD },
  { names: SD, of: SD },
  { names: ['BASE', ...SDXL], of: SDXL },
  { names: SDXL, of: SDXL },
  { names: ['BASE', ...ATTENTION.SD], of: SD },
  { names: ['BASE', ...ATTENTION.SDXL], of: SDXL },
]

/** The field's presets by name. */
export const FIELD_PRESETS: readonly BlockPreset[] = Object.entries(NAMED_PRESETS).map(([name, weights]) => ({
  name,
  weights: [...weights],
}))

/** A preset of the field by its name in any case, with any of the marks between its words. */
export function presetNamed(name: string, presets: readonly BlockPreset[] = FIELD_PRESETS): BlockPreset | undefined {
  const plain = (text: string): string => text.trim().toUpperCase().replaceAll('-', '_')
  return presets.find((preset) => plain(preset.name) === plain(name))
}

/**
 * Numbers as weights of the blocks of a network.
 * @param labels all blocks of the network, in its order, BASE first
 * @returns with the blocks that the list has and the network does not
 * @throws FusionError 'validation' for a list that is for no such network, in words
 */
export function presetFor(
  labels: readonly string[],
  weights: PresetWeights,
): { blocks: Record<string, number>; missing: string[] } {
  const has = new Set(labels)
  if (!isList(weights)) {
    const unknown = Object.keys(weights).filter((label) => !has.has(label))
    if (unknown.length === 0) return { blocks: { ...weights }, missing: [] }
    throw misfit(`The network has no block ${unknown.join(', ')}.`, labels)
  }
  const own = [labels, labels.slice(1)].find((names) => names.length === weights.length)
  const form = own ?? FORMS.find((one) => one.names.length === weights.length && isFor(one, labels))?.names
  if (!form) throw misfit(`${weights.length} numbers fit no list of this network's blocks.`, labels)
  const pairs = form.map((label, index) => [label, weights[index]!] as const)
  return {
    blocks: Object.fromEntries(pairs.filter(([label]) => has.has(label))),
    missing: form.filter((label) => !has.has(label)),
  }
}

/** Whether such lists are for a network: one with no other blocks, of which the list has all, or has only such. */
function isFor({ names, of }: Form, labels: readonly string[]): boolean {
  const [listed, family, own] = [new Set(names), new Set(of), new Set(labels)]
  const blocks = labels.slice(1)
  return (
    blocks.every((label) => family.has(label)) &&
    (blocks.every((label) => listed.has(label)) || names.every((label) => own.has(label)))
  )
}

function misfit(message: string, labels: readonly string[]): FusionError {
  return new FusionError('validation', message, {
    hint: `It has ${labels.length} blocks: ${labels.join(' ')}. Give a number for each, with or without BASE, or BLOCK:WEIGHT,… for some.`,
  })
}

/** A preset of a text; one without a name was pasted alone. */
export interface ReadPreset {
  name: string | null
  weights: PresetWeights
}

/**
 * Presets from a text: numbers by commas; `name:0,0.5,…` and `name<TAB>0,0.5,…` line by line, as SuperMerger,
 * LoRA-block-weight and the merge-block-weighted GUI keep them; or `IN00:0.5,M00:1`. Lines that are empty, comments or
 * headings are passed over.
 * @returns with the lines that cannot be read
 */
export function readPresets(text: string): { presets: ReadPreset[]; unread: string[] } {
  const presets: ReadPreset[] = []
  const unread: string[] = []
  const alone = weightsOf(text.replaceAll(/\s*[\r\n]+\s*/g, text.includes(':') || text.includes('\t') ? '\n' : ','))
  if (alone) return { presets: [{ name: null, weights: alone }], unread }
  for (const line of text.split(/[\r\n]+/).map((one) => one.trim())) {
    if (line === '' || line.startsWith('#') || /^preset_name\b/i.test(line)) continue
    const byBlock = weightsOf(line)
    const [, name, rest] = /^([^\t:]+)[\t:](.*)$/.exec(line) ?? []
    const weights = byBlock ?? (rest === undefined ? null : weightsOf(rest))
    if (weights) presets.push({ name: byBlock ? null : name!.trim(), weights })
    else unread.push(line)
  }
  return { presets, unread }
}

/** `0,0.5,1` or `IN00:0.5,M00:1`; null for anything else. */
function weightsOf(text: string): PresetWeights | null {
  const parts = text
    .split(/[,;\s]+/)
    .map((part) => part.trim())
    .filter((part) => part !== '')
  if (parts.length === 0) return null
  if (parts.every(isNumber)) return parts.map(Number)
  const pairs = parts.map((part) => /^([A-Za-z]+\d*):(.+)$/.exec(part))
  if (!pairs.every((pair) => pair !== null && isBlock(pair[1]!) && isNumber(pair[2]!))) return null
  const labelled = labelledWeights(Object.fromEntries(pairs.map((pair) => [pair![1]!, Number(pair![2])])))
  return typeof labelled === 'string' ? null : labelled
}

function isNumber(text: string): boolean {
  return weightSchema.safeParse(text === '' ? NaN : Number(text)).success
}

function isBlock(text: string): boolean {
  return /^(BASE|VAE|(IN|M|OUT)\d\d+)$/.test(blockLabel(text))
}

function isList(weights: PresetWeights): weights is readonly number[] {
  return Array.isArray(weights)
}
