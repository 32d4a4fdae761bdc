import { z } from 'zod'
import { FusionError } from '../errors'
import { formatCount } from './format'

/** Far more than any text encoder reads: one sees 77 tokens, weighted prompts as many chunks of them as there are. */
export const MOST_PROMPT_CHARACTERS = 10_000

/** Words where they are needed alone: see formatCount. */
const limitInWords = (): string => `at most ${formatCount(MOST_PROMPT_CHARACTERS)} characters`

/** A prompt, a negative prompt, or a caption that is used as one. */
export const promptSchema = z.string().max(MOST_PROMPT_CHARACTERS, { error: () => `A prompt has ${limitInWords()}.` })

/** @param name of the prompt, as the subject of the message. @throws FusionError 'validation' where it is too long */
export function checkPrompt(prompt: string, name = 'The prompt'): void {
  if (prompt.length <= MOST_PROMPT_CHARACTERS) return
  throw new FusionError('validation', `${name} has ${formatCount(prompt.length)} characters.`, {
    hint: `Shorten it: a prompt has ${limitInWords()}.`,
  })
}
