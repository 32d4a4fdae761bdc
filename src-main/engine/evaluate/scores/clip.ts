import { openCheckpoint } from '../../checkpoint/open'
import { clipTensors } from '../clip/clip-score'
import { ClipScorer } from '../clip/clip-scorer'
import type { OpenScorer } from './picture-scorer'

/** The CLIP score of a folder of transformers' CLIPModel. */
export const openClip: OpenScorer = async (path) => {
  const checkpoint = await openCheckpoint(path)
  return {
    path,
    tensors: [...clipTensors(checkpoint).values()],
    load: (device) => ClipScorer.load(checkpoint, device),
  }
}
