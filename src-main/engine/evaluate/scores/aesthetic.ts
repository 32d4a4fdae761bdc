import { clipOfAesthetic } from '../../../contract/evaluate/scores/scorers'
import { FusionError } from '../../../contract/errors'
import { openWeights } from '../../checkpoint/containers/open-container'
import { plainViews } from '../../checkpoint/key-maps/name-table'
import { openCheckpoint } from '../../checkpoint/open'
import { preprocessForClip } from '../../diffusion/clip-image'
import { ClipVision } from '../clip/clip-score'
import { buildVisionOf, clipWeights, imageSizeOf } from '../clip/clip-weights'
import { inBatches } from '../clip/picture-batches'
import { headNames, headWidth, readLinearHead } from './linear-head'
import type { OpenScorer } from './picture-scorer'

/** The LAION aesthetic predictor: a head on the embeddings of CLIP at unit length; the prompt plays no part. */
export const openAesthetic: OpenScorer = async (path, files) => {
  const folder = clipOfAesthetic(files)
  if (folder === null)
    throw new FusionError('validation', 'The CLIP model of the aesthetic predictor was not named.', {
      hint: 'Name the folder of the CLIP model that the head was made for: clip-vit-large-patch14.',
    })
  const clip = clipWeights(await openCheckpoint(folder))
  const container = await openWeights(path)
  const head = plainViews(container.tensors)
  const width = headWidth(path, head, '')
  if (width !== clip.projected)
    throw new FusionError(
      'incompatible',
      `The head ${path} takes ${width} values (layers.0.weight), and the CLIP model ${folder} gives ${clip.projected}.`,
      { hint: 'The published head was made for clip-vit-large-patch14.' },
    )
  const seeing = [...clip.tensors.values()].filter(({ name }) => /^(vision_model|visual_projection)\./.test(name))
  const size = imageSizeOf(clip)
  return {
    path,
    tensors: [...headNames('').map((name) => head.get(name)!), ...seeing],
    check: (options) => void buildVisionOf(clip, options),
    load: async (device) => {
      const { score } = readLinearHead(path, head, '')
      const vision = await ClipVision.open(clip, device)
      return {
        name: 'aesthetic',
        scores: (pictures) =>
          inBatches(
            pictures,
            size,
            (picture) => preprocessForClip(picture, size, clip.preprocessing),
            async (pixels, count) => (await vision.images(pixels, count, size)).embeds.map(score),
          ),
        release: () => vision.release(),
      }
    },
  }
}
