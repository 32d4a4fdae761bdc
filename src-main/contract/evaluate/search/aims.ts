import { z } from 'zod'
import { withMinus } from '../../values/figures'
import type { PairedLosses } from '../losses'
import { SCORER_DESCRIPTIONS, SCORERS, type ScorerName } from '../scores/scorers'

/** What a search can aim at: the denoising loss, or a score of drawn pictures. */
export const AIMS = ['loss', ...SCORERS] as const
export type AimName = (typeof AIMS)[number]

const aimSchema = z.strictObject({
  name: z.enum(AIMS),
  /** A loss counts as it is, a score against it: both in their own units. */
  factor: z.number().positive(),
})

/** The terms of what a search makes best, each once. */
export const aimsSchema = z
  .array(aimSchema)
  .min(1)
  .refine((aims) => new Set(aims.map(({ name }) => name)).size === aims.length, 'An aim is named twice.')

/** One term of what a search makes best. */
export type Aim = z.infer<typeof aimSchema>

/** Where nobody says otherwise. */
export const LOSS_ALONE: readonly Aim[] = [{ name: 'loss', factor: 1 }]

/** The scorer of an aim; null of the loss. */
export function scorerOf({ name }: Aim): ScorerName | null {
  return name === 'loss' ? null : name
}

/** Whether a search aims at scores alone: they are told as they are then, and more is better. */
export function isOfScores(aims: readonly Aim[]): boolean {
  return aims.every(({ name }) => name !== 'loss')
}

/** What a search made as small as possible, as people know it: scores alone are not negated. */
export function aimedText(value: number, aims: readonly Aim[]): string {
  return withMinus((isOfScores(aims) ? -value : value).toFixed(digitsOf(aims)))
}

/** How much better something is, whatever is aimed at: '0.0022 (−0.0014 to 0.0058)', ± 2 standard errors. */
export function gainText({ mean, standardError }: PairedLosses, aims: readonly Aim[]): string {
  const text = (value: number): string => withMinus(value.toFixed(digitsOf(aims)))
  return `${text(-mean)} (${text(-mean - 2 * standardError)} to ${text(2 * standardError - mean)})`
}

function digitsOf(aims: readonly Aim[]): number {
  const [{ name }] = aims as [Aim]
  if (name === 'loss' || !isOfScores(aims)) return 5
  return aims.length === 1 ? SCORER_DESCRIPTIONS[name].digits + 1 : 4
}

/** For people: 'loss', 'ImageReward', '1 × loss − 0.02 × CLIP score', '1 × PickScore + 2 × ImageReward'. */
export function aimsInWords(aims: readonly Aim[]): string {
  const label = (aim: Aim): string => {
    const scorer = scorerOf(aim)
    return scorer === null ? 'loss' : SCORER_DESCRIPTIONS[scorer].label
  }
  if (aims.length === 1) return label(aims[0]!)
  const against = isOfScores(aims) ? '+' : '−'
  return aims
    .map((aim, index) => {
      const sign = aim.name === 'loss' ? '+' : against
      return `${index === 0 && sign === '+' ? '' : `${sign} `}${aim.factor} × ${label(aim)}`
    })
    .join(' ')
}
