import { FusionError } from '../../contract/errors'
import type { Pipeline } from '../diffusion/pipeline'
import { TorchGenerator } from '../diffusion/random'
import { denoisingLosses } from '../evaluate/denoising-loss'
import type { EvaluationDomain } from '../evaluate/evaluation-set'
import type { CalibratedCheckpoint } from './calibrate'

/** Timesteps at which every picture of a domain is seen. */
export const CALIBRATION_TIMESTEPS = 10
/** How pictures are made for prompts. */
const SAMPLING = { steps: 20, guidance: 5, scheduler: 'ddim' } as const

type Source = Pick<CalibratedCheckpoint, 'source' | 'run'>

/**
 * A domain's pictures with seeded noise, at timesteps spread over the training's own: one in each of so many equal
 * stretches.
 * @param domain as `run` gets it for its pipeline: latents may have to be encoded first
 * @param pictures which of them, by index; held-out ones are not for this
 */
export function dataSource(
  name: string,
  pictures: readonly number[],
  trainTimesteps: number,
  seed: number,
  domain: (pipeline: Pipeline) => Promise<EvaluationDomain>,
  signal?: AbortSignal,
): Source {
  if (pictures.length === 0) throw new FusionError('validation', `${name} has no pictures to learn from.`)
  const generator = new TorchGenerator(seed)
  const stretch = trainTimesteps / CALIBRATION_TIMESTEPS
  const timesteps = [...generator.rand(CALIBRATION_TIMESTEPS)].map((part, i) => Math.floor((i + part) * stretch))
  return {
    source: { kind: 'data', domain: name, pictures: pictures.length, timesteps },
    async run(pipeline, onProgress) {
      const own = await domain(pipeline)
      const values = own.pictures.length * timesteps.length * own.shape.reduce((product, size) => product * size, 1)
      const noise = new TorchGenerator(seed).randn(values)
      await denoisingLosses(
        pipeline,
        { timesteps, noises: timesteps.length },
        { ...own, noise },
        { pictures, ...(signal && { signal }), onProgress: (done, total) => onProgress(done / total) },
      )
    },
  }
}

/** Pictures that the model makes for prompts, one each, seeded. */
export function promptSource(prompts: readonly string[], seed: number, signal?: AbortSignal): Source {
  if (prompts.length === 0) throw new FusionError('validation', 'There are no prompts to learn from.')
  return {
    source: { kind: 'prompts', prompts: [...prompts], ...SAMPLING },
    async run(pipeline, onProgress) {
      const pictures = prompts.map((prompt, index) => ({ prompt, seed: seed + index }))
      const edge = pipeline.nativeEdge
      await pipeline.generate(
        { pictures, ...SAMPLING, width: edge, height: edge },
        { ...(signal && { signal }), onStep: ({ done, total }) => onProgress(done / total) },
      )
    },
  }
}
