import type { OpRunner } from '../run-cases'
import { clipImageOps } from './clip-image'
import { mergeOps } from './merges'
import { schedulerOps } from './schedulers'
import { tokenizeOps } from './tokenize'
import { torchRandomOps } from './torch-random'

/** Every op that the engine computes, by the name that manifests use. */
export const OPS: Readonly<Record<string, OpRunner>> = {
  ...clipImageOps,
  ...mergeOps,
  ...schedulerOps,
  ...tokenizeOps,
  ...torchRandomOps,
}
