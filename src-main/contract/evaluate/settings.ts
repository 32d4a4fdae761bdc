import { z } from 'zod'
import { countSchema, guidanceSchema, MOST_PROMPTS, pathSchema, stepsSchema } from '../values/limits'
import { errorReportSchema } from '../document/models'
import { METHOD_NAMES } from '../methods/index'
import { recognitionSettingsSchema } from './scores/recognition'
import { scorerFilesSchema } from './scores/scorers'

/** Which pictures are measured. */
export const SPLITS = ['held-out', 'train', 'all'] as const
export type Split = (typeof SPLITS)[number]

const SPLIT_WORDS: { readonly [split in Split]: string } = {
  'held-out': 'held-out pictures',
  train: 'training pictures',
  all: 'all pictures',
}

/** The pictures of a split, in words. */
export function picturesOf(split: Split): string {
  return SPLIT_WORDS[split]
}

/** How many pictures of each domain are measured. */
export function chosenCounts(
  domains: EvaluationData['domains'],
  { split, pictures }: Pick<EvaluationSettings, 'split' | 'pictures'>,
): number[] {
  const counts = domains.map(({ heldOut, train }) =>
    split === 'all' ? heldOut + train : split === 'train' ? train : heldOut,
  )
  return counts.map((count) => Math.min(count, pictures ?? Infinity))
}

/** The scales of methods that have one, when methods are compared: each searched, or as its paper has it. */
export const SCALES = ['searched', 'published'] as const
export type Scales = (typeof SCALES)[number]

/** What is measured beside the base. */
export const EVALUATED = ['specialists', 'merge', 'soup', 'without'] as const

/** What is drawn to be scored. */
export const scoreSettingsSchema = z.strictObject({
  /** A text file of prompts by domain instead of the captions; null: captions. */
  promptFile: pathSchema.nullable().default(null),
  /** At most so many prompts of each domain, the first ones. */
  prompts: countSchema.default(4),
  /** Pictures of each prompt. */
  seeds: z.number().int().positive().max(MOST_PROMPTS).default(2),
  steps: stepsSchema.default(20),
  guidance: guidanceSchema.default(7.5),
})

const settingsSchema = z.strictObject({
  /** Folder of evaluation data; null: one named evaluation beside the base, as the demo family has it. */
  data: pathSchema.nullable().default(null),
  split: z.enum(SPLITS).default('held-out'),
  /** At most so many of each domain; null: all. */
  pictures: countSchema.nullable().default(null),
  /** Of split and noise where the data have none of their own, and of the intervals. */
  seed: z.number().int().nonnegative().default(0),
  rows: z.array(z.enum(EVALUATED)).max(EVALUATED.length).default(['specialists', 'merge', 'soup']),
  scales: z.enum(SCALES).default('searched'),
  /** The methods that are compared, beside the plain average; none: all. */
  methods: z.array(z.enum(METHOD_NAMES)).max(METHOD_NAMES.length).default([]),
  scores: scoreSettingsSchema.default(scoreSettingsSchema.parse({})),
  /** What judges drawn pictures; CLIP's model compares recognised ones, too. */
  scorers: scorerFilesSchema.default(scorerFilesSchema.parse({})),
  /** Whether captions are drawn as well, to be recognised. */
  draws: z.boolean().default(false),
  recognition: recognitionSettingsSchema.default(recognitionSettingsSchema.parse({})),
})

/** A project's own settings for its evaluation. */
export const evaluationSettingsSchema = z.preprocess(withScorers, settingsSchema)

/** Which pictures are measured on. */
export const dataSettingsSchema = settingsSchema.pick({ split: true, pictures: true, seed: true })

/** CLIP was the only scorer in earlier versions, and its model a part of how pictures were drawn. */
function withScorers(settings: unknown): unknown {
  const earlier = z.looseObject({ clip: z.looseObject({ model: z.unknown() }) }).safeParse(settings)
  if (!earlier.success) return settings
  const { clip, ...others } = earlier.data
  const { model, ...scores } = clip
  return { scores, scorers: { clip: model ?? null }, ...others }
}

/** Evaluation data as a project would use them. */
export const evaluationDataSchema = z.object({
  folder: z.string().nullable(),
  kind: z.enum(['latents', 'pictures']).nullable(),
  timesteps: z.number(),
  domains: z.array(z.object({ name: z.string(), heldOut: z.number(), train: z.number() })),
  /** Why there are none. */
  problem: errorReportSchema.nullable(),
})

export type ScoreSettings = z.infer<typeof scoreSettingsSchema>
export type EvaluationSettings = z.infer<typeof evaluationSettingsSchema>
export type EvaluationData = z.infer<typeof evaluationDataSchema>
