import { join } from 'node:path'
import type { Checkpoint } from '../../checkpoint/model/checkpoint'
import type { Pipeline } from '../../diffusion/pipeline'
import { requireComponent } from '../../diffusion/pipeline-parts'
import { isThere } from '../../files/reading/regular-file'
import { describeEvaluationSet, readEvaluationSet, type EvaluationSet } from './evaluation-set'
import { describeImageFolder, encodeImageFolder, type EncodeOptions } from './image-folder'
import { hashComponent } from './latent-cache'
import type { ChosenDomain, PictureList } from './splits'

/** Evaluation data of either kind, described from their text files alone. */
export interface EvaluationData extends PictureList {
  /** Latents as a folder with evaluation.json has them, or pictures that a VAE encodes. */
  kind: 'latents' | 'pictures'
  timesteps: readonly number[]
  /**
   * Reads or encodes the chosen pictures.
   * @returns the set, and the same pictures by their places in it
   */
  load(
    chosen: readonly ChosenDomain[],
    pipeline: Pipeline,
    options: EncodeOptions,
  ): Promise<{ set: EvaluationSet; chosen: ChosenDomain[] }>
}

/**
 * What latents of the data depend on: the hash of the VAE that encodes their pictures, of the first checkpoint that has
 * one; nothing where they are latents already.
 * @throws FusionError 'incompatible' where none has a VAE
 */
export function vaeHashFor({ kind }: Pick<EvaluationData, 'kind'>, ...checkpoints: [Checkpoint, Checkpoint?]): string {
  return kind === 'pictures' ? hashComponent(requireComponent('vae', ...checkpoints)) : ''
}

/**
 * Opens an evaluation set (evaluation.json: the demo family's) or a folder of captioned pictures.
 * @param seed of the pictures' split and noise; an evaluation set has its own
 * @throws FusionError 'not-found', 'malformed', 'validation'
 */
export async function openEvaluationData(folder: string, seed: number): Promise<EvaluationData> {
  if (isThere(join(folder, 'evaluation.json'))) {
    const { timesteps, domains } = await describeEvaluationSet(folder)
    const load: EvaluationData['load'] = async (chosen) => ({
      set: await readEvaluationSet(folder),
      chosen: [...chosen],
    })
    return { kind: 'latents', timesteps, domains, load }
  }
  const images = await describeImageFolder(folder, seed)
  const load: EvaluationData['load'] = async (chosen, pipeline, options) => ({
    set: await encodeImageFolder(images, chosen, pipeline, options),
    chosen: chosen.map(({ name, pictures }) => ({
      name,
      pictures: pictures.map(({ picture }, index) => ({ picture, index })),
    })),
  })
  return { kind: 'pictures', timesteps: images.timesteps, domains: images.domains, load }
}
