import type { CalibrationRecord } from '../../../../contract/document/calibration'
import { denoiserOf } from '../../../checkpoint/denoisers'
import type { Checkpoint } from '../../../checkpoint/model/checkpoint'
import { planBehind } from '../merge-plan'

/**
 * Paths of the files that make up a checkpoint's denoiser, in the order of its files: an adapter's are its own and its
 * base's, those of a merge that is not written all that it is made from.
 */
export function denoiserFiles(checkpoint: Checkpoint): string[] {
  const { files, adapted } = checkpoint
  const paths = files.map(({ path }) => path)
  if (planBehind(checkpoint)) return paths
  if (adapted) return [...new Set([...paths, ...denoiserFiles(adapted.base)])]
  const used = new Set([...(denoiserOf(checkpoint)?.tensors.values() ?? [])].map(({ stored }) => stored.path))
  return paths.filter((path) => used.has(path))
}

/**
 * By what a record names a model's denoiser: the hashes of its files, that EMA copies are its weights, and an adapter's
 * strengths where they are not 1.
 */
export function recordedAs({ usesEma, adapted }: Checkpoint, sha256: readonly string[]): string[] {
  const { unet, textEncoder } = adapted?.strengths ?? { unet: 1, textEncoder: 1 }
  const isWeaker = unet !== 1 || textEncoder !== 1
  return [...sha256, ...(usesEma ? ['ema'] : []), ...(isWeaker ? [`strengths ${unet},${textEncoder}`] : [])]
}

type Recorded = { models: readonly Pick<CalibrationRecord['models'][number], 'sha256'>[] }

/** The place in a record of the model with these hashes of its UNet's files; −1 if it is not there. */
export function calibratedModel({ models }: Recorded, sha256: readonly string[]): number {
  const wanted = [...sha256].sort().join()
  return models.findIndex((model) => [...model.sha256].sort().join() === wanted)
}
