import { SCORER_DESCRIPTIONS, SCORERS, type ScorerName } from './scorers'

/** What a search can aim at: the denoising loss, or a score of drawn pictures. */
export const AIMS = ['loss', ...SCORERS] as const
export type AimName = (typeof AIMS)[number]

/** One term of what a search makes best. */
export interface Aim {
  name: AimName
  /** Above 0. A loss counts as it is, a score against it: both in their own units. */
  factor: number
}

/** Where nobody says otherwise. */
export const LOSS_ALONE: readonly Aim[] = [{ name: 'loss', factor: 1 }]

/** The scorer of an aim; null of the loss. */
export function scorerOf({ name }: Aim): ScorerName | null {
  return name === 'loss' ? null : name
}

/** Whether a search aims at one score alone: it is told as it is then, and more is better. */
export function isOneScore(aims: readonly Aim[]): boolean {
  return aims.length === 1 && aims[0]!.name !== 'loss'
}

/** For people: 'loss', 'ImageReward', '1 × loss − 0.02 × CLIP score'. */
export function aimsInWords(aims: readonly Aim[]): string {
  const label = (aim: Aim): string => {
    const scorer = scorerOf(aim)
    return scorer === null ? 'loss' : SCORER_DESCRIPTIONS[scorer].label
  }
  if (aims.length === 1) return label(aims[0]!)
  return aims
    .map((aim, index) => {
      const sign = aim.name === 'loss' ? (index === 0 ? '' : '+ ') : '− '
      return `${sign}${aim.factor} × ${label(aim)}`
    })
    .join(' ')
}
