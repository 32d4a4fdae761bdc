import { publishedPreprocessing } from '../../../../src-main/engine/diffusion/clip-image'
import { preprocessForHps } from '../../../../src-main/engine/evaluate/scores/hps-pixels'
import { preprocessForImageReward } from '../../../../src-main/engine/evaluate/scores/image-reward-pixels'
import type { Picture } from '../../../../src-main/engine/image/resample'
import { comparedPixels, type OutputRegion } from '../clip-image'
import { input, type GoldenCase } from '../../golden-set'
import type { OpResult, OpRunner } from '../../run-cases'

/** A picture among a case's inputs. */
export function pictureOf(goldenCase: GoldenCase, name: string): Picture {
  const image = input(goldenCase, name)
  const [height, width, channels] = image.shape as [number, number, number]
  return { width, height, channels, data: Uint8Array.from(image.values()) }
}

function preprocess(make: (picture: Picture, size: number) => Float32Array): OpRunner {
  return async (goldenCase): Promise<OpResult> => {
    const { size, output_region: region } = goldenCase.params as { size: number; output_region?: OutputRegion }
    return { outputs: comparedPixels(make(pictureOf(goldenCase, 'image'), size), size, region), arithmetic: 'float64' }
  }
}

export const rewardPixelOps: Record<string, OpRunner> = {
  image_reward_preprocess: preprocess(preprocessForImageReward),
  hps_preprocess: preprocess((picture, size) => preprocessForHps(picture, size, publishedPreprocessing(size))),
  hps_preprocess_no_antialias: async () => ({
    skipped: 'the scorer resizes with antialiasing, as hpsv2 does with torchvision since 0.17',
  }),
}
