/** A key of an adapter file, taken apart. */
export interface FactorName {
  /** The changed module as the file names it. */
  module: string
  /** The factor by its form's name (adapter-forms), or 'alpha', 'diff_b' or 'up_bias'. */
  factor: string
}

/** The module's name, and in front of the factor the word by which diffusers names its older LoRA layers. */
const OLD_LAYER = String.raw`(?:\.lora_linear_layer|[._]lora)`
/** PEFT may leave the adapter's own name ('default') in its keys. */
const ADAPTER_NAME = String.raw`(?:\.[^.]+)?`

/** First fit counts. */
const PATTERNS: readonly (readonly [pattern: RegExp, factor?: string])[] = [
  [/^(.+)\.lora_(up|down|mid)\.weight$/],
  [new RegExp(`^(.+)${OLD_LAYER}\\.(up|down|mid)\\.weight$`)],
  [new RegExp(`^(.+)\\.lora_A${ADAPTER_NAME}\\.weight$`), 'down'],
  [new RegExp(`^(.+)\\.lora_B${ADAPTER_NAME}\\.weight$`), 'up'],
  [new RegExp(`^(.+)\\.lora_B${ADAPTER_NAME}\\.bias$`), 'up_bias'],
  [new RegExp(`^(.+)\\.lora_magnitude_vector${ADAPTER_NAME}(?:\\.weight)?$`), 'lora_magnitude_vector'],
  [new RegExp(`^(.+)\\.oft_R${ADAPTER_NAME}\\.weight$`), 'oft_R'],
  [new RegExp(`^(.+)\\.(boft_R|boft_s|ia3_l|lokr_w[12](?:_[ab])?|lokr_t2|hada_w[12]_[ab]|hada_t[12])${ADAPTER_NAME}$`)],
  [new RegExp(`^(.+?)${OLD_LAYER}?\\.(alpha)$`)],
  [/^(.+)\.w_norm$/, 'diff'],
  [/^(.+)\.b_norm$/, 'diff_b'],
  [
    /^(.+)\.(dora_scale|hada_w[12]_[ab]|hada_t[12]|lokr_w[12](?:_[ab])?|lokr_t2|diff|diff_b|oft_blocks|rescale|on_input)$/,
  ],
  [/^(.+)\.([ab][12])\.weight$/],
  [/^(.+)\.(weight)$/],
]

/** Takes a key apart; undefined where no form has such a factor. */
export function parseFactorName(key: string): FactorName | undefined {
  for (const [pattern, factor] of PATTERNS) {
    const match = pattern.exec(key)
    if (match) return { module: match[1]!, factor: factor ?? match[2]! }
  }
  return undefined
}
