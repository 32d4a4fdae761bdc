import { FusionError } from '../../../contract/errors'
import type { Pipeline } from '../../diffusion/pipeline'
import { encodePrompt, type TextStates } from '../../diffusion/prompt-encoder'
import { throwIfCancelled } from '../../cancel'
import type { EvaluationDomain } from './evaluation-set'

/** Prompts that one run of the text encoder takes. */
const TOGETHER = 32

/** What a model's text encoders make of a domain's prompts, by the pictures' indices. */
export type DomainTexts = ReadonlyMap<number, TextStates>

/**
 * Encodes the prompts of some pictures: their token ids where the domain has them, else their captions, read as
 * diffusers does.
 * @throws FusionError 'cancelled', 'unsupported' (token ids for SDXL's two encoders), 'out-of-memory', 'device'
 */
export async function encodeTexts(
  { parts: { textEncoders } }: Pipeline,
  { name, inputIds, pictures: all }: EvaluationDomain,
  pictures: readonly number[],
  signal?: AbortSignal,
): Promise<DomainTexts> {
  if (!inputIds) {
    const texts = new Map<number, TextStates>()
    for (const picture of pictures) {
      throwIfCancelled(signal)
      const reading = { syntax: 'plain', clipSkip: 0, chunks: 1 } as const
      texts.set(picture, await encodePrompt(textEncoders, all[picture]!.caption, reading))
    }
    return texts
  }
  if (textEncoders.length !== 1)
    throw new FusionError('unsupported', `The prompts of ${name} are token ids of one text encoder; SDXL has two.`, {
      hint: 'Measure SDXL models on a folder of images with captions.',
    })
  const texts = new Map<number, TextStates>()
  for (let first = 0; first < pictures.length; first += TOGETHER) {
    throwIfCancelled(signal)
    const batch = pictures.slice(first, first + TOGETHER)
    const ids = batch.map((picture) => inputIds[picture]!)
    const tokens = ids[0]!.length
    const input = { data: BigInt64Array.from(ids.flat(), BigInt), dims: [ids.length, tokens] }
    const { last_hidden_state: output } = await textEncoders[0]!.network.run({ input_ids: input }, [
      'last_hidden_state',
    ])
    const states = output!.data as Float32Array
    const size = states.length / batch.length
    batch.forEach((picture, index) =>
      texts.set(picture, { states: states.subarray(index * size, (index + 1) * size), tokens, pooled: null }),
    )
  }
  return texts
}
