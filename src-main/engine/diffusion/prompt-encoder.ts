import type { Network } from '../runtime/network'
import type { Tensor } from '../runtime/session'
import type { ClipTokenizer } from './tokenizer'

/** One text encoder with its tokenizer. */
export interface TextEncoder {
  tokenizer: ClipTokenizer
  network: Network
  layers: number
}

/** Text states as a UNet takes them. */
export interface TextStates {
  /** [tokens, width] */
  states: Float32Array
  tokens: number
  /** Pooled text of the last encoder, for SDXL. */
  pooled: Float32Array | null
}

/** How Stable Diffusion 1 and 2 read their encoder's states: after the final norm, also with clip skip. */
const normedState = (skip: number): string => (skip === 0 ? 'last_hidden_state' : `normed_-${skip + 1}`)

/** How SDXL reads both of its encoders: from the last layer but one, without the final norm. */
const penultimateState = (skip: number): string => `hidden_states_-${skip + 2}`

/**
 * Encodes one prompt as diffusers' pipelines do (encode_prompt), 77 tokens.
 * @param encoders one (Stable Diffusion 1 and 2) or two (SDXL: states side by side, the second one's pooled text)
 * @param clipSkip how many of the last layers to leave out
 */
export async function encodePrompt(
  encoders: readonly TextEncoder[],
  prompt: string,
  clipSkip: number,
): Promise<TextStates> {
  const dual = encoders.length > 1
  const state = (dual ? penultimateState : normedState)(clipSkip)
  const parts: Tensor[] = []
  let pooled: Float32Array | null = null
  for (const { tokenizer, network } of encoders) {
    const ids = tokenizer.encode(prompt)
    const wanted = dual && parts.length === encoders.length - 1 ? [state, 'text_embeds'] : [state]
    const found = await network.run(
      { input_ids: { data: BigInt64Array.from(ids, BigInt), dims: [1, ids.length] } },
      wanted,
    )
    parts.push(found[state]!)
    pooled = (found['text_embeds']?.data as Float32Array | undefined) ?? null
  }
  return { states: sideBySide(parts), tokens: parts[0]!.dims[1]!, pooled }
}

/** Nothing at all: what SDXL uses where no negative prompt is given. */
export function zeroStates({ states, tokens, pooled }: TextStates): TextStates {
  return { states: new Float32Array(states.length), tokens, pooled: pooled && new Float32Array(pooled.length) }
}

/** [1, tokens, a] and [1, tokens, b] as [tokens, a + b]. */
function sideBySide(parts: readonly Tensor[]): Float32Array {
  const tokens = parts[0]!.dims[1]!
  const width = parts.reduce((sum, { dims }) => sum + dims[2]!, 0)
  const joined = new Float32Array(tokens * width)
  let column = 0
  for (const { data, dims } of parts) {
    const part = data as Float32Array
    const own = dims[2]!
    for (let row = 0; row < tokens; row++) joined.set(part.subarray(row * own, (row + 1) * own), row * width + column)
    column += own
  }
  return joined
}
