import { z } from 'zod'
import { FusionError } from '../../contract/errors'
import { matchPeftPattern } from './peft-patterns'

/** What PEFT keeps of an adapter outside its tensors: defaults, and exceptions by module. */
const configSchema = z.object({
  peft_type: z.string().max(100).optional(),
  lora_alpha: z.number().optional(),
  /** LoHa's and LoKr's name for it. */
  alpha: z.number().optional(),
  alpha_pattern: z.record(z.string(), z.number()).nullish(),
  r: z.number().optional(),
  rank_pattern: z.record(z.string(), z.number()).nullish(),
  use_rslora: z.boolean().optional(),
  /** OFT: whether rotations are limited, and to what. */
  coft: z.boolean().optional(),
  eps: z.number().optional(),
  /** OFT: whether a series stands for the inverse of Cayley's transform; its terms. */
  use_cayley_neumann: z.boolean().optional(),
  num_cayley_neumann_terms: z.number().int().max(100).optional(),
  /** IA³: modules whose inputs are scaled, not their outputs; a text is a regular expression. */
  feedforward_modules: z.union([z.string(), z.array(z.string())]).nullish(),
  base_model_name_or_path: z.string().max(10_000).nullish(),
})
export type PeftConfig = z.infer<typeof configSchema>

/** The key under which diffusers keeps PEFT's settings in a file's metadata: those of each part behind its name. */
const METADATA_KEY = 'lora_adapter_metadata'
const PARTS = ['unet', 'text_encoder', 'text_encoder_2'] as const
/** Types of PEFT whose tensors are read. */
const TYPES = ['LORA', 'LOHA', 'LOKR', 'OFT', 'BOFT', 'IA3']

/** The settings of an adapter's parts, by the beginning of its modules' names; '' holds for all. */
export type PeftConfigs = ReadonlyMap<string, PeftConfig>

/** @throws FusionError 'malformed', 'unsupported' */
export function parsePeftConfig(value: unknown, path: string): PeftConfig {
  const parsed = configSchema.safeParse(value)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw new FusionError('malformed', `${path} has a wrong value at ${issue?.path.join('.') ?? '?'}.`, {
      detail: issue?.message ?? '',
      hint: 'Save the adapter again, or get another copy of it.',
    })
  }
  const { peft_type: type } = parsed.data
  if (type !== undefined && !TYPES.includes(type))
    throw new FusionError('unsupported', `${path} is of PEFT's type ${type}, which is not supported here.`, {
      hint: `Of PEFT, ${TYPES.join(' and ')} are read.`,
    })
  return parsed.data
}

/** The settings that a file's metadata hold. @throws FusionError 'malformed', 'unsupported' */
export function peftConfigsIn(metadata: Readonly<Record<string, string>>, path: string): PeftConfigs {
  const text = metadata[METADATA_KEY]
  const where = `The metadata ${METADATA_KEY} of ${path}`
  if (text === undefined) return new Map()
  let values: unknown
  try {
    values = JSON.parse(text)
  } catch (cause) {
    throw new FusionError('malformed', `${where} is not valid JSON.`, { hint: 'Save the adapter again.', cause })
  }
  const settings = z.record(z.string(), z.unknown()).safeParse(values)
  if (!settings.success) throw new FusionError('malformed', `${where} is not a JSON object.`)
  const byPart = PARTS.map((part): [string, PeftConfig] => {
    const own = Object.entries(settings.data).filter(([key]) => key.startsWith(`${part}.`))
    const config = Object.fromEntries(own.map(([key, value]) => [key.slice(part.length + 1), value]))
    return [`${part}.`, parsePeftConfig(config, where)]
  })
  return new Map([...byPart, ['', parsePeftConfig(settings.data, where)]])
}

/** The settings that hold for a module. */
export function configFor(configs: PeftConfigs, module: string): PeftConfig | undefined {
  const prefix = [...configs.keys()].find((start) => module.startsWith(start))
  return prefix === undefined ? undefined : configs.get(prefix)
}

/** alpha of a module: an exception goes before the default. @throws FusionError 'unsupported' (a pattern) */
export function peftAlpha(
  { alpha_pattern: patterns, lora_alpha, alpha }: PeftConfig,
  module: string,
): number | undefined {
  return matchPeftPattern(patterns ?? {}, module) ?? lora_alpha ?? alpha
}

/** The rank by which PEFT divides alpha, where its settings say it rather than shapes: LoKr's. */
export function peftRank({ peft_type, r, rank_pattern: patterns }: PeftConfig, module: string): number | undefined {
  return peft_type === 'LOKR' ? (matchPeftPattern(patterns ?? {}, module) ?? r) : undefined
}

/** PEFT's OFT: the limit of its rotations, null for none, and the terms of the series, null for the exact inverse. */
export function peftRotation({ coft, eps, use_cayley_neumann, num_cayley_neumann_terms }: PeftConfig): {
  constraint: number | null
  seriesTerms: number | null
} {
  // Before there was such a setting, the inverse was exact.
  const terms = use_cayley_neumann === true ? (num_cayley_neumann_terms ?? CAYLEY_TERMS) : null
  return { constraint: coft === true ? (eps ?? CONSTRAINT) : null, seriesTerms: terms }
}

/** PEFT's defaults (OFTConfig). */
const CAYLEY_TERMS = 5
const CONSTRAINT = 6e-5

/** Whether PEFT's IA³ scales the inputs of a module, by its settings; undefined where they do not say. */
export function scalesInputs({ feedforward_modules: named }: PeftConfig, module: string): boolean | undefined {
  if (!Array.isArray(named)) return undefined
  return named.some((name) => module === name || module.endsWith(`.${name}`))
}
