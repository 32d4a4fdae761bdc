import { FusionError } from '../../../contract/errors'
import type { ModelRole } from '../../../contract/evaluate/losses'
import type { WeightInput } from '../../architecture/network-graph'
import { DENOISER_GRAPHS } from '../../architecture/denoiser-graphs'
import type { Checkpoint } from '../../checkpoint/model/checkpoint'
import type { SourceFile } from '../../checkpoint/containers/container'
import { TensorReader } from '../../checkpoint/containers/tensor-reader'
import { readWeight } from '../../diffusion/weight-inputs'
import { withPartsOf, type LoadOptions } from '../../diffusion/load-pipeline'
import type { Pipeline } from '../../diffusion/pipeline'
import type { Tensor } from '../../runtime/session'
import { elementCount } from '../../tensor/element-type'
import { WeightedSum } from '../../tensor/weighted-sum'
import { denoiserName, denoiserOf } from '../../checkpoint/denoisers'

/** A model that is measured on a pipeline whose UNet takes its weights as inputs (LoadOptions.liveUnet). */
export interface EvaluatedModel {
  name: string
  role: ModelRole
  /**
   * Makes the pipeline's UNet this model.
   * @returns the pipeline to measure: the same one, or one around its UNet with this model's own scheduler and text
   *   encoders, which is released after the measurement
   */
  prepare(pipeline: Pipeline): Promise<Pipeline>
}

/** A model whose UNet's weights are made in memory. @param make gives them by the names of `unetWeightInputs` */
export function liveModel(
  name: string,
  role: ModelRole,
  make: (inputs: readonly WeightInput[]) => Promise<Readonly<Record<string, Tensor>>>,
): EvaluatedModel {
  return {
    name,
    role,
    async prepare(pipeline) {
      pipeline.setUnetWeights({}) // two models need not be in memory at once
      pipeline.setUnetWeights(await make(pipeline.unetWeightInputs))
      return pipeline
    },
  }
}

/**
 * A checkpoint, or a UNet alone, which the pipeline then lends its text encoders; what it predicts is its own.
 * @param options what the pipeline was loaded with
 */
export function checkpointModel(
  name: string,
  role: ModelRole,
  checkpoint: Checkpoint,
  options: Omit<LoadOptions, 'device'>,
): EvaluatedModel {
  const weights = liveModel(name, role, (inputs) => Promise.resolve(readUnetWeights(checkpoint, inputs)))
  return {
    name,
    role,
    async prepare(pipeline) {
      checkUnet(checkpoint, pipeline)
      await weights.prepare(pipeline)
      return withPartsOf(checkpoint, pipeline, options)
    },
  }
}

/**
 * The weights of a checkpoint's UNet as a network takes them.
 * @throws FusionError 'incompatible' (no UNet, a missing tensor or another shape), 'not-finite', 'source-changed'
 */
export function readUnetWeights(checkpoint: Checkpoint, inputs: readonly WeightInput[]): Record<string, Tensor> {
  const { tensors } = requireDenoiser(checkpoint)
  const summing = new WeightedSum()
  const reader = new TensorReader(checkpoint.files satisfies SourceFile[])
  try {
    return Object.fromEntries(
      inputs.map((input) => {
        const view = tensors.get(input.name)
        if (!view || elementCount(view.shape) !== elementCount(input.dims))
          throw new FusionError(
            'incompatible',
            `The UNet of ${checkpoint.path} ${view ? `has another shape of` : 'lacks'} the tensor ${input.name}.`,
            { hint: 'Compare models of one architecture.' },
          )
        return [input.name, readWeight(view, input, summing, reader)]
      }),
    )
  } finally {
    reader.close()
  }
}

function requireDenoiser(checkpoint: Checkpoint) {
  const unet = denoiserOf(checkpoint)
  if (unet) return unet
  throw new FusionError('incompatible', `${checkpoint.path} has no ${denoiserName(checkpoint)}.`, {
    hint: 'Name a pipeline folder, a single file, or a UNet.',
  })
}

/** Two UNets run in one graph only if their configs say the same. */
function checkUnet(checkpoint: Checkpoint, { parts }: Pipeline): void {
  const { name, config } = requireDenoiser(checkpoint)
  const own = config ? DENOISER_GRAPHS[name].readConfig(config) : parts.unetConfig // a file that tells none has the base's, or other shapes
  const differing = Object.entries(parts.unetConfig).flatMap(([key, value]) =>
    JSON.stringify(value) === JSON.stringify(own[key as keyof typeof own]) ? [] : [key],
  )
  if (differing.length > 0)
    throw new FusionError(
      'incompatible',
      `The UNet of ${checkpoint.path} has another config than the base's (${differing.join(', ')}).`,
      {
        hint: 'Compare models of one architecture. A single file does not say how many heads its attention has: take a folder of both.',
      },
    )
}
