import { z } from 'zod'
import { isOneLine } from './printable'

/**
 * Upper bounds of what a project, a command or a file may ask for. They are far above any use and keep a hostile number
 * from taking memory or time before anybody sees that it is none.
 */

/** Models of a merge: more than anybody could weigh by hand, and each is opened. */
export const MOST_MODELS = 64
/** Patterns of layers of a model: SDXL's UNet has 1680 tensors. */
export const MOST_PATTERNS = 4000
/** Weights by block: SD 1 has 26. */
export const MOST_BLOCKS = 200
/** Columns of a layer, per model, that memory can hold, whatever the layer. */
export const MOST_SAMPLES = 65_536
/** Denoising steps: as many timesteps as models are trained with. */
export const MOST_STEPS = 1000
/** Prompts, or seeds, of a project's pictures. */
export const MOST_PROMPTS = 200
/** Models and merges that draw pictures: every model, and the merge without each of them. */
export const MOST_VARIANTS = 2 * MOST_MODELS + 3
/** Pictures of one run, whatever they are made of. */
export const MOST_PICTURES = 10_000
/** Threads of one operator: more than any processor has. */
export const MOST_THREADS = 1024
/** Any other number of things that somebody asks for. */
export const MOST_COUNT = 1_000_000
/** A weight or a factor; beyond it half precision has no numbers anyway. */
export const MOST_WEIGHT = 1e6

const MOST_NAME = 200
/** As long as a tensor's name may be in a pattern. */
const MOST_PATTERN = 500
/** Linux' PATH_MAX. */
const MOST_PATH = 4096

/** The name of a model, a domain or the like. */
export const nameSchema = z
  .string()
  .min(1)
  .max(MOST_NAME, `A name has at most ${MOST_NAME} characters.`)
  .refine(isOneLine, 'A name has no line breaks and no control characters.')
/** A pattern over tensor names. */
export const patternSchema = z.string().min(1).max(MOST_PATTERN, `A pattern has at most ${MOST_PATTERN} characters.`)
export const pathSchema = z
  .string()
  .min(1)
  .max(MOST_PATH)
  .refine((path) => !path.includes('\0'), 'A path has no null characters.')
export const weightSchema = z.number().min(-MOST_WEIGHT).max(MOST_WEIGHT)
export const countSchema = z.number().int().positive().max(MOST_COUNT)
export const stepsSchema = z.number().int().positive().max(MOST_STEPS)
/** A guidance scale. */
export const guidanceSchema = z.number().min(-1000).max(1000)

/** A name made of a file's name, say, that nameSchema takes, with room for a number that makes it unique. */
export function asName(text: string): string {
  return text.replace(/[\p{Cc}\p{Cs}\u2028\u2029]/gu, ' ').slice(0, MOST_NAME - 10) || ' '
}
