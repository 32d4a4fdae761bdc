import { checkPrompt } from '../../contract/values/prompt'
import { FusionError } from '../../contract/errors'
import type { Network } from '../runtime/network'
import type { Tensor } from '../runtime/session'
import { applyWeights, padChunks, weightedChunks, type PromptChunk } from './prompt-weights'
import type { ClipTokenizer } from '../tokenizer/tokenizer'

/** One text encoder with its tokenizer. */
export interface TextEncoder {
  tokenizer: ClipTokenizer
  network: Network
  layers: number
  /** Ids from here on have no vector. */
  vectors: number
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

/** How a prompt is read: as diffusers does (77 tokens), or with weights and as many chunks of 77 as it needs. */
export const PROMPT_SYNTAXES = ['plain', 'weighted'] as const
export type PromptSyntax = (typeof PROMPT_SYNTAXES)[number]

export interface PromptReading {
  syntax: PromptSyntax
  /** How many of the last layers to leave out. */
  clipSkip: number
  /** At least so many chunks, the missing ones empty: all prompts of one batch need the same number. */
  chunks: number
}

/** How many chunks of 77 tokens a prompt fills. @throws FusionError 'validation' for a prompt that is too long */
export function chunkCount([first]: readonly TextEncoder[], prompt: string, syntax: PromptSyntax): number {
  checkPrompt(prompt)
  return syntax === 'plain' ? 1 : weightedChunks(prompt, first!.tokenizer).length
}

/**
 * Encodes one prompt as diffusers' pipelines do (encode_prompt); with the weighted syntax chunk by chunk, one after the
 * other.
 * @param encoders one (Stable Diffusion 1 and 2) or two (SDXL: states side by side, the second one's pooled text)
 * @throws FusionError 'validation' for a prompt that is too long
 */
export async function encodePrompt(
  encoders: readonly TextEncoder[],
  prompt: string,
  { syntax, clipSkip, chunks }: PromptReading,
): Promise<TextStates> {
  checkPrompt(prompt)
  const inputs = encoders.map(({ tokenizer }) => {
    if (syntax === 'plain') return [{ ids: tokenizer.encode(prompt), weights: [] }]
    return padChunks(weightedChunks(prompt, tokenizer), chunks, tokenizer)
  })
  const parts: TextStates[] = []
  for (const index of inputs[0]!.keys())
    parts.push(
      await encodeChunk(
        encoders,
        inputs.map((chunk) => chunk[index]!),
        clipSkip,
      ),
    )
  const length = parts[0]!.states.length
  const states = new Float32Array(parts.length * length)
  parts.forEach((part, index) => states.set(part.states, index * length))
  return { states, tokens: parts.length * parts[0]!.tokens, pooled: parts[0]!.pooled }
}

/** @param chunks one input per encoder; no weights: all 1 */
async function encodeChunk(
  encoders: readonly TextEncoder[],
  chunks: readonly PromptChunk[],
  clipSkip: number,
): Promise<TextStates> {
  const dual = encoders.length > 1
  const state = (dual ? penultimateState : normedState)(clipSkip)
  const parts: Tensor[] = []
  let pooled: Float32Array | null = null
  for (const [index, { network, vectors }] of encoders.entries()) {
    const { ids, weights } = chunks[index]!
    const unknown = ids.find((id) => id >= vectors)
    if (unknown !== undefined)
      throw new FusionError(
        'incompatible',
        `The tokenizer has the token ${unknown}; the text encoder has vectors for ${vectors}.`,
        { hint: 'Use the tokenizer that belongs to this text encoder: name its pipeline as the base.' },
      )
    const wanted = dual && index === encoders.length - 1 ? [state, 'text_embeds'] : [state]
    const input = { data: BigInt64Array.from(ids, BigInt), dims: [1, ids.length] }
    const { [state]: found, text_embeds: embeds } = await network.run({ input_ids: input }, wanted)
    const data = found!.data as Float32Array
    parts.push({ data: weights.length ? applyWeights(data, weights) : data, dims: found!.dims })
    pooled = (embeds?.data as Float32Array | undefined) ?? null
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
