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
  use_rslora: z.boolean().optional(),
  base_model_name_or_path: z.string().max(10_000).nullish(),
})
export type PeftConfig = z.infer<typeof configSchema>

/** The key under which diffusers keeps PEFT's settings in a file's metadata: those of each part behind its name. */
const METADATA_KEY = 'lora_adapter_metadata'
const PARTS = ['unet', 'text_encoder', 'text_encoder_2'] as const
/** Types of PEFT whose tensors are read; its OFT and BOFT are others than LyCORIS'. */
const TYPES = ['LORA', 'LOHA']

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
