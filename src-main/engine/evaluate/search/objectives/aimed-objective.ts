import { scorerOf, type Aim } from '../../../../contract/evaluate/aims'
import { SCORER_DESCRIPTIONS, type ScorerFiles } from '../../../../contract/evaluate/scorers'
import { FusionError } from '../../../../contract/errors'
import type { Pipeline } from '../../../diffusion/pipeline'
import type { EvaluationSet } from '../../data/evaluation-set'
import { captionsOf } from '../../data/prompt-domains'
import type { ChosenDomain } from '../../data/splits'
import type { LossMeter } from '../../losses/loss-table'
import { loadScorer } from '../../scores/load-scorer'
import type { PictureScorer, ScorerOptions } from '../../scores/picture-scorer'
import { lossObjective } from './loss-objective'
import type { Objective } from './objective'
import { scoreObjective, type ScoredDrawing } from './score-objective'
import { weightedObjective } from './weighted-objective'

/** The scorer that a search aims at: where its files lie, and what is drawn for it. */
export interface AimedScores {
  files: ScorerFiles
  /** At most so many captions of each domain, the first ones. */
  prompts?: number | undefined
  drawing: ScoredDrawing
}

/** What a search measures with. */
export interface MeasuringTools {
  pipeline: Pipeline
  meter: Pick<LossMeter, 'open'>
  set: Pick<EvaluationSet, 'domains' | 'timesteps'>
  scoring: ScorerOptions
}

/**
 * Loads the scorer of some aims; null where the loss alone is aimed at. It stays in memory beside the network, so there can
 * be one only.
 * @throws FusionError 'validation' for several scorers, and what loadScorer throws
 */
export async function scorerFor(
  aims: readonly Aim[],
  scores: AimedScores | null,
  options: ScorerOptions,
): Promise<PictureScorer | null> {
  const names = [...new Set(aims.map(scorerOf))].filter((name) => name !== null)
  if (names.length === 0) return null
  if (names.length > 1 || !scores)
    throw new FusionError(
      'validation',
      `A search aims at one score at most, not at ${names.map((name) => SCORER_DESCRIPTIONS[name].label).join(' and ')}.`,
      {
        hint: 'Two scorers beside the network take too much memory: search by one, and score the result by the other.',
      },
    )
  return loadScorer(names[0]!, scores.files, options)
}

/** What a search makes best, on some of the pictures and their captions. @param scorer of the aims, where they have one */
export function aimedObjective(
  aims: readonly Aim[],
  { pipeline, meter, set, scoring: { signal } }: MeasuringTools,
  chosen: readonly ChosenDomain[],
  scorer: PictureScorer | null,
  scores: AimedScores | null,
): Objective {
  return weightedObjective(
    aims.map((aim) => ({
      factor: aim.factor,
      objective:
        scorerOf(aim) === null
          ? lossObjective(meter, set, chosen, signal)
          : scoreObjective(pipeline, scorer!, captionsOf(chosen, scores!.prompts), scores!.drawing, signal),
    })),
  )
}
