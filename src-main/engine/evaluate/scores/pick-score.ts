import { openCheckpoint } from '../../checkpoint/open'
import { cosine } from '../clip/clip-score'
import { clipJudgement } from '../clip/clip-scorer'
import { clipWeights } from '../clip/clip-weights'
import { openedClip } from './clip'
import type { OpenScorer } from './picture-scorer'

/** PickScore: a CLIPModel of transformers; exp(logit_scale) times the cosine. */
export const openPickScore: OpenScorer = async (path) => {
  const weights = clipWeights(await openCheckpoint(path))
  return openedClip(
    weights,
    clipJudgement('pick-score', weights, (image, text, logitFactor) => logitFactor * cosine(image, text)),
  )
}
