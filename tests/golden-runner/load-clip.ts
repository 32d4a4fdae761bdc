import { ClipModel } from '../../src-main/engine/evaluate/clip/clip-score'
import { clipWeights } from '../../src-main/engine/evaluate/clip/clip-weights'
import { openCheckpoint } from '../../src-main/engine/checkpoint/open'
import { chooseDevice } from '../../src-main/engine/runtime/providers'

/** The CLIP model of a folder, on the processor. */
export async function loadClip(folder: string): Promise<ClipModel> {
  return ClipModel.open(clipWeights(await openCheckpoint(folder)), await chooseDevice('cpu'))
}
