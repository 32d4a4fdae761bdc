import { z } from 'zod'
import { MOST_PROMPTS, nameSchema } from '../values/limits'
import { promptSchema } from '../values/prompt'

const MOST_KEPT = 100

/** Prompts under a name. */
export const promptListSchema = z.strictObject({ name: nameSchema, prompts: z.array(promptSchema).max(MOST_PROMPTS) })
/** What is written around every prompt, under a name. */
export const promptStyleSchema = z.strictObject({
  name: nameSchema,
  before: z.string().max(2000).default(''),
  after: z.string().max(2000).default(''),
})

/** What a project keeps for its prompts. */
export const promptBookSchema = z.strictObject({
  lists: z.array(promptListSchema).max(MOST_KEPT).default([]),
  styles: z.array(promptStyleSchema).max(MOST_KEPT).default([]),
  /** The name of the style that is in use; null: none. */
  style: nameSchema.nullable().default(null),
})

export type PromptStyle = z.infer<typeof promptStyleSchema>
export type PromptBook = z.infer<typeof promptBookSchema>

export const EMPTY_BOOK: PromptBook = promptBookSchema.parse({})

/** The style that is in use. */
export function styleInUse({ book = EMPTY_BOOK }: { book?: PromptBook | undefined }): PromptStyle | undefined {
  return book.styles.find(({ name }) => name === book.style)
}

/** A prompt as it is drawn: with what the style writes around it. */
export function styledPrompt(prompt: string, preview: { book?: PromptBook | undefined }): string {
  const style = styleInUse(preview)
  return style ? [style.before.trim(), prompt, style.after.trim()].filter(Boolean).join(' ') : prompt
}
