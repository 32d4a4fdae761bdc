import type { OpRunner } from '../../run-cases'
import { clipScorerOps } from './clip-scorers'
import { imageRewardOps } from './image-reward'
import { rewardPixelOps } from './pixels'
import { rewardTokenOps } from './tokens'

/** The scorers of pictures. */
export const rewardOps: Record<string, OpRunner> = {
  ...rewardTokenOps,
  ...rewardPixelOps,
  ...imageRewardOps,
  ...clipScorerOps,
}
