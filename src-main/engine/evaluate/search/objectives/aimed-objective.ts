import { scorerOf, type Aim } from '../../../../contract/evaluate/search/aims'
import type { ScorerFiles } from '../../../../contract/evaluate/scores/scorers'
import type { Pipeline } from '../../../diffusion/pipeline'
import type { EvaluationSet } from '../../data/evaluation-set'
import { captionsOf } from '../../data/prompt-domains'
import type { ChosenDomain } from '../../data/splits'
import type { LossMeter } from '../../losses/loss-table'
import { lossObjective, type MeasuredData } from './loss-objective'
import type { Objective } from './objective'
import { scoreObjective, type ScoredDrawing } from './score-objective'
import type { SummedScorers } from './summed-scorers'
import { weightedObjective } from './weighted-objective'

/** The scorers that a search aims at: where their files lie, and what is drawn for them. */
export interface AimedScores {
  files: ScorerFiles
  /** At most so many captions of each domain, the first ones. */
  prompts?: number | undefined
  drawing: ScoredDrawing
}

/** What a search measures with, once it measures. */
export interface MeasuringTools {
  pipeline: Pipeline
  meter: Pick<LossMeter, 'open'>
  set: Pick<EvaluationSet, 'domains'>
  /** The pictures by their places in the set. */
  chosen: readonly ChosenDomain[]
  /** null where nothing is scored. */
  scorers: SummedScorers | null
}

/**
 * What a search makes best, on some of the pictures and their captions. What is drawn is judged by all scorers at once: a
 * picture is drawn once, and trials are told apart by the sum, picture by picture.
 * @param load called with every model that is measured
 */
export function aimedObjective(
  aims: readonly Aim[],
  load: () => Promise<MeasuringTools>,
  { timesteps, chosen }: MeasuredData,
  scores: AimedScores | null,
  signal?: AbortSignal,
): Objective {
  const losses = aims.filter((aim) => scorerOf(aim) === null)
  return weightedObjective([
    ...losses.map(({ factor }) => ({ factor, objective: lossObjective(load, { timesteps, chosen }, signal) })),
    ...(scores && losses.length < aims.length
      ? [
          {
            factor: 1,
            objective: scoreObjective(
              async () => {
                const { pipeline, scorers } = await load()
                return { pipeline, scorer: scorers! }
              },
              captionsOf(chosen, scores.prompts),
              scores.drawing,
              signal,
            ),
          },
        ]
      : []),
  ])
}
