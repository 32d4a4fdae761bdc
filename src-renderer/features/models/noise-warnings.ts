import type { CheckpointSummary } from '../../../src-main/contract/document/models'
import type { Ancestry } from '../../../src-main/contract/model-cards'
import { fileName, formatPercent } from '../../shared/format'

/** Fine-tunes of one base stay far above this, however long they were trained; models trained apart are near 0. */
const LEAST_COSINE = 0.5
/** Words by which models say that they need few steps: their changes are of no use to a model that needs many. */
const FEW_STEPS = /(?:^|[^a-z])(turbo|lcm|lightning|hyper|distill(?:ed)?|schnell|dmd2?)(?![a-z])/i

/** Why a merge with a model is likely to give noise: a reason, and what to do. */
export interface NoiseWarning {
  message: string
  hint: string
}

/** From its measured distance; null where it is a fine-tune of the base, or nothing is known. */
export function ancestorWarning({ change, cosine }: Ancestry): NoiseWarning | null {
  if (cosine === null || change === null || cosine >= LEAST_COSINE) return null
  const figures = `cosine of the weights ${cosine.toFixed(2)}, change ${formatPercent(change)}`
  return {
    message: `It is no fine-tune of this base (${figures}): a merge of the two is likely to give noise.`,
    hint: 'Choose the base that it was trained from, or leave it out.',
  }
}

/** From what names and metadata say; an adapter is for whichever model it is given to. */
export function distilledWarning(
  model: Pick<CheckpointSummary, 'path' | 'files' | 'modelspec' | 'adapter'>,
  base: Pick<CheckpointSummary, 'path' | 'files' | 'modelspec' | 'adapter'>,
): NoiseWarning | null {
  const [own, baseOwn] = [fewStepsWord(model), fewStepsWord(base)]
  if (model.adapter || own === null || baseOwn !== null) return null
  return {
    message: `By its name it is made for few steps (“${own}”), and the base is not: a merge of the two is likely to blur.`,
    hint: 'Merge it with models of its own kind, or leave it out.',
  }
}

function fewStepsWord({
  path,
  files,
  modelspec,
}: Pick<CheckpointSummary, 'path' | 'files' | 'modelspec'>): string | null {
  const texts = [fileName(path), ...files.map((file) => fileName(file.path)), modelspec['modelspec.title'] ?? '']
  return texts.map((text) => FEW_STEPS.exec(text)?.[1]).find((word) => word !== undefined) ?? null
}
