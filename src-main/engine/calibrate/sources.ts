import type { TimestepRange } from '../../contract/document/calibration'
import { FusionError } from '../../contract/errors'
import type { Checkpoint } from '../checkpoint/model/checkpoint'
import { schedulerConfigOf } from '../diffusion/pipeline-parts'
import type { Pipeline } from '../diffusion/pipeline'
import { TorchGenerator } from '../random'
import { denoisingLosses } from '../evaluate/losses/denoising-loss'
import type { EvaluationSet } from '../evaluate/data/evaluation-set'
import { countPictures, type ChosenDomain } from '../evaluate/data/splits'
import type { CalibratedCheckpoint } from './calibrate'

/** How many timesteps every picture is seen at. */
const TIMESTEPS = 10
/** Of schedulers that do not say. */
const TRAIN_TIMESTEPS = 1000
/** How pictures are made for prompts. */
const SAMPLING = { steps: 20, guidance: 5, scheduler: 'ddim' } as const
/** Guided pictures take the network with the prompt and without it. */
const RUNS_PER_STEP = 2

type Source = Pick<CalibratedCheckpoint, 'source' | 'runs' | 'run'>

export interface DataSourceOptions {
  /** Of timesteps and noise. */
  seed: number
  /** How many timesteps the model was trained with. */
  trainTimesteps: number
  /** Absent: of all timesteps. */
  range?: TimestepRange
  signal?: AbortSignal
}

/** How often a network runs on so many pictures, or prompts. */
export const runsOf = {
  data: (pictures: number): number => pictures * TIMESTEPS,
  prompts: (prompts: number): number => prompts * SAMPLING.steps * RUNS_PER_STEP,
} as const

/** How many timesteps a model was trained with. */
export function trainTimestepsOf(checkpoint: Checkpoint, base: Checkpoint): number {
  return Number(schedulerConfigOf(checkpoint, base)['num_train_timesteps'] ?? TRAIN_TIMESTEPS)
}

/**
 * Timesteps spread over a range of the training's own: a seeded one in each of ten equal stretches.
 * @throws FusionError 'validation' for a range that is not one of the training's
 */
export function spreadTimesteps({ seed, trainTimesteps, range }: Omit<DataSourceOptions, 'signal'>): number[] {
  const first = range?.minTimestep ?? 0
  const end = range?.maxTimestep ?? trainTimesteps
  if (first >= end || end > trainTimesteps)
    throw new FusionError('validation', `Pictures cannot get noise at timesteps from ${first} up to ${end}.`, {
      hint: `The model was trained with ${trainTimesteps}: the minimum must be below the maximum, the maximum at most ${trainTimesteps}.`,
    })
  const stretch = (end - first) / TIMESTEPS
  const parts = new TorchGenerator(seed).rand(TIMESTEPS)
  return Array.from(parts, (part, i) => first + Math.floor((i + part) * stretch))
}

/**
 * Pictures with seeded noise, at timesteps spread over the training's own, or a range of them.
 * @param chosen which pictures; held-out ones are not for this
 * @param load gives them as latents, for the pipeline that runs (EvaluationData.load)
 * @throws FusionError 'validation' where there are no pictures, or no timesteps
 */
export function dataSource(
  chosen: readonly ChosenDomain[],
  { signal, ...options }: DataSourceOptions,
  load: (pipeline: Pipeline) => Promise<{ set: EvaluationSet; chosen: readonly ChosenDomain[] }>,
): Source {
  const count = countPictures(chosen)
  if (count === 0) throw new FusionError('validation', 'There are no pictures to learn from.')
  const timesteps = spreadTimesteps(options)
  return {
    source: { kind: 'data', domains: chosen.map(({ name }) => name), pictures: count, timesteps },
    runs: runsOf.data(count),
    async run(pipeline, onProgress) {
      const loaded = await load(pipeline)
      const generator = new TorchGenerator(options.seed)
      let before = 0
      for (const { name, pictures } of loaded.chosen) {
        const domain = loaded.set.domains.find((candidate) => candidate.name === name)!
        const size = domain.shape.reduce((product, length) => product * length, 1)
        const noise = generator.randn(domain.pictures.length * timesteps.length * size)
        await denoisingLosses(
          pipeline,
          { timesteps, noises: timesteps.length },
          { ...domain, noise },
          {
            pictures: pictures.map(({ index }) => index),
            ...(signal && { signal }),
            onProgress: (done, total) => onProgress((before + (pictures.length * done) / total) / count),
          },
        )
        before += pictures.length
      }
    },
  }
}

/** Pictures that the model makes for prompts, one each, seeded; as far as latents, which nobody looks at. */
export function promptSource(prompts: readonly string[], seed: number, signal?: AbortSignal): Source {
  if (prompts.length === 0) throw new FusionError('validation', 'There are no prompts to learn from.')
  return {
    source: { kind: 'prompts', prompts: [...prompts], ...SAMPLING },
    runs: runsOf.prompts(prompts.length),
    async run(pipeline, onProgress) {
      const pictures = prompts.map((prompt, index) => ({ prompt, seed: seed + index }))
      const edge = pipeline.nativeEdge
      await pipeline.sampleLatents(
        { pictures, ...SAMPLING, width: edge, height: edge },
        { ...(signal && { signal }), onStep: ({ done, total }) => onProgress(done / total) },
      )
    },
  }
}
