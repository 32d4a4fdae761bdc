import { z } from 'zod'
import { pathSchema } from '../../values/limits'

/** What can judge a picture, in the order in which tables show them. */
export const SCORERS = ['clip', 'image-reward', 'pick-score', 'hps', 'aesthetic'] as const
export const scorerSchema = z.enum(SCORERS)
export type ScorerName = z.infer<typeof scorerSchema>

/** A scorer for people: its name, what its files are, what its number means. */
export interface ScorerDescription {
  label: string
  /** What a person points at. */
  files: string
  /** In one sentence: the range, and what more means. */
  meaning: string
  /** Digits after the point that are worth showing. */
  digits: number
  /** Whether the prompt plays no part. */
  ignoresPrompt?: true
}

export const SCORER_DESCRIPTIONS: { readonly [name in ScorerName]: ScorerDescription } = {
  clip: {
    label: 'CLIP score',
    files: 'the folder of a CLIP model (transformers)',
    meaning: '100 times the cosine of picture and prompt, 0 to 100; more is better.',
    digits: 2,
  },
  'image-reward': {
    label: 'ImageReward',
    files: 'the folder with ImageReward.pt or .safetensors, med_config.json and vocab.txt',
    meaning: 'About −2 to 2, 0 for an average picture of its training data; more is better.',
    digits: 3,
  },
  'pick-score': {
    label: 'PickScore',
    files: 'the folder of the PickScore model (transformers)',
    meaning: 'exp(logit_scale) times the cosine of picture and prompt, about 15 to 25; more is better.',
    digits: 2,
  },
  hps: {
    label: 'HPS v2',
    files:
      'HPS_v2_compressed.pt, HPS_v2.1_compressed.pt or a safetensors file of it, with vocab.json and merges.txt beside it',
    meaning: 'The cosine of picture and prompt, about 0.2 to 0.35; more is better.',
    digits: 4,
  },
  aesthetic: {
    label: 'Aesthetic',
    files: 'the head of the LAION aesthetic predictor, and the folder of the CLIP model it was made for',
    meaning: 'About 1 to 10, whatever the prompt; more is better.',
    digits: 2,
    ignoresPrompt: true,
  },
}

/** Where the files of scorers lie; null: this one is not used. */
export const scorerFilesSchema = z.strictObject({
  clip: pathSchema.nullable().default(null),
  'image-reward': pathSchema.nullable().default(null),
  'pick-score': pathSchema.nullable().default(null),
  hps: pathSchema.nullable().default(null),
  /** The head; its CLIP model is `clip`'s where `aestheticClip` is null. */
  aesthetic: pathSchema.nullable().default(null),
  aestheticClip: pathSchema.nullable().default(null),
})
export type ScorerFiles = z.infer<typeof scorerFilesSchema>

/** The folder of the CLIP model that the aesthetic head was made for; null where none is named. */
export function clipOfAesthetic({ aestheticClip, clip }: ScorerFiles): string | null {
  return aestheticClip ?? clip
}
