import type { OpRunner } from '../run-cases'
import { checkpointMergeOps } from './checkpoint-merge'
import { clipImageOps } from './clip-image'
import { mergeOps } from './merges'
import { schedulerOps } from './schedulers'
import { tokenizeOps } from './tokenize'
import { torchRandomOps } from './torch-random'

/** Every op that the engine computes, by the name that manifests use. */
export const OPS: Readonly<Record<string, OpRunner>> = {
  ...checkpointMergeOps,
  ...clipImageOps,
  ...mergeOps,
  ...schedulerOps,
  ...tokenizeOps,
  ...torchRandomOps,
}
