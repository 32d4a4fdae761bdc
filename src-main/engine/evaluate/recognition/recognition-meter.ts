import type { RecognitionSettings } from '../../../contract/evaluate/scores/recognition'
import { FusionError } from '../../../contract/errors'
import { throwIfCancelled } from '../../cancel'
import { picturesTogether } from '../../diffusion/pipeline'
import { captionsOf } from '../data/prompt-domains'
import type { ChosenDomain } from '../data/splits'
import type { DrawingModel } from '../drawn/drawn-pictures'
import { nearestReference, type PictureFeatures, type ReferencePicture } from './reference-pictures'

/** The reference that each drawn picture is nearest to: every caption with every seed, in this order. */
export type Nearest = readonly (number | null)[]

export interface DrawingSettings extends RecognitionSettings {
  /** The first seed; the others of a caption count up. */
  seed: number
  /** The model's own if absent. */
  scheduler?: string
}

export interface RecogniseOptions {
  signal?: AbortSignal
  /** Called after every batch with all that is judged so far: what an end before the last one has. */
  onJudged?: (nearest: Nearest) => Promise<void> | void
}

/** Captions that are drawn, each once, in the order of their domains. */
export function promptsOfDomains(
  chosen: readonly ChosenDomain[],
  { prompts }: Pick<RecognitionSettings, 'prompts'>,
): ReferencePicture[] {
  return captionsOf(chosen, prompts ?? Infinity).flatMap(({ name, prompts: captions }) =>
    captions.map((caption) => ({ domain: name, caption })),
  )
}

/**
 * Draws every caption with every seed and finds the reference that each picture is nearest to.
 * @param known what an earlier run that was stopped had judged: its pictures are not drawn again
 * @throws FusionError 'cancelled' between steps, 'incompatible' where pictures and references differ in size, and what
 *   Pipeline.generate throws
 */
export async function recognise(
  model: DrawingModel,
  prompts: readonly ReferencePicture[],
  features: PictureFeatures,
  { seeds, seed, steps, guidance, scheduler }: DrawingSettings,
  known: Nearest = [],
  { signal, onJudged }: RecogniseOptions = {},
): Promise<Nearest> {
  const { pipeline } = model
  const pictures = prompts.flatMap(({ caption }) =>
    Array.from({ length: seeds }, (_, index) => ({ prompt: caption, seed: seed + index })),
  )
  const drawing = { steps, guidance, ...(scheduler !== undefined && { scheduler }) }
  const together = picturesTogether(pipeline.nativeSize, pipeline.parts.vae.config)
  let nearest = [...known]
  while (nearest.length < pictures.length) {
    throwIfCancelled(signal)
    const batch = pictures.slice(nearest.length, nearest.length + together)
    const drawn = await features.draw(model, batch, drawing, signal)
    if (drawn.some(({ length }) => length !== features.references[0]!.length))
      throw new FusionError(
        'incompatible',
        'The model draws pictures of another size than those of the evaluation data.',
      )
    nearest = [...nearest, ...drawn.map((picture) => nearestReference(picture, features.references))]
    await onJudged?.(nearest)
  }
  return nearest
}
