import type { OpRunner } from '../run-cases'
import { adapterOps } from './adapters'
import { alignmentOps } from './alignment'
import { checkpointMergeOps } from './checkpoint-merge'
import { clipImageOps } from './clip-image'
import { clipScoreOps } from './clip-score'
import { loraExtractOps } from './lora-extract'
import { loraFuseOps } from './lora-fuse'
import { mergeOps } from './merges'
import { networkOps } from './networks'
import { regressionOps } from './regression'
import { rewardOps } from './rewards'
import { schedulerOps } from './schedulers'
import { textToImageOps } from './text-to-image'
import { tokenizeOps } from './tokenize'
import { torchRandomOps } from './torch-random'

/** Every op that the engine computes, by the name that manifests use. */
export const OPS: Readonly<Record<string, OpRunner>> = {
  ...adapterOps,
  ...alignmentOps,
  ...checkpointMergeOps,
  ...clipImageOps,
  ...clipScoreOps,
  ...loraExtractOps,
  ...loraFuseOps,
  ...mergeOps,
  ...networkOps,
  ...regressionOps,
  ...rewardOps,
  ...schedulerOps,
  ...textToImageOps,
  ...tokenizeOps,
  ...torchRandomOps,
}
