import type { NetworkOptions } from '../../architecture/network-graph'
import { openCheckpoint } from '../../checkpoint/open'
import { clipScore } from '../clip/clip-score'
import { clipJudgement, ClipScorer, type ClipJudgement } from '../clip/clip-scorer'
import { buildTextOf, buildVisionOf, clipWeights, logitFactorOf, type ClipWeights } from '../clip/clip-weights'
import type { OpenedScorer, OpenScorer } from './picture-scorer'

/** The CLIP score of a folder of transformers' CLIPModel. */
export const openClip: OpenScorer = async (path) => {
  const weights = clipWeights(await openCheckpoint(path))
  return openedClip(weights, clipJudgement('clip', weights, clipScore))
}

/** Any scorer that is a CLIP model. */
export function openedClip(weights: ClipWeights, judgement: ClipJudgement): OpenedScorer {
  return {
    path: weights.path,
    tensors: [...weights.tensors.values()],
    check: (options: NetworkOptions) => {
      buildVisionOf(weights, options)
      buildTextOf(weights, options)
      logitFactorOf(weights)
    },
    load: (device) => ClipScorer.open(weights, judgement, device),
  }
}
