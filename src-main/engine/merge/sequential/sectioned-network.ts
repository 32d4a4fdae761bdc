import { FusionError } from '../../../contract/errors'
import { DENOISER_GRAPHS } from '../../architecture/denoiser-graphs'
import type { LayerInput, WeightInput } from '../../architecture/network-graph'
import { denoiserName, denoiserOf } from '../../checkpoint/denoisers'
import type { Checkpoint } from '../../checkpoint/model/checkpoint'
import { cutAtLayers, sectionModel, type Section } from '../../graph/sections'
import type { ModelProto } from '../../graph/onnx-schema'
import { createSession, elementTypeOf, type Provider, type Session, type Tensor } from '../../runtime/session'

/** A part of a denoiser that ends where the inputs of some layers are known. */
export interface NetworkSection extends Section {
  /** Layers whose input the section ends with. */
  layers: readonly LayerInput[]
  /** Weights that it runs with. */
  weights: readonly WeightInput[]
}

/** A denoiser as sections that run one after the other, with weights as inputs: the graph of every model of a merge. */
export class SectionedNetwork {
  readonly sections: readonly NetworkSection[]

  private constructor(
    private readonly model: ModelProto,
    sections: readonly Section[],
    layers: readonly LayerInput[],
    weights: readonly WeightInput[],
  ) {
    const layerOf = new Map(layers.map((layer) => [layer.output, layer]))
    const weightOf = new Map(weights.map((weight) => [weight.name, weight]))
    this.sections = sections.map((section) => ({
      ...section,
      layers: section.outputs.map((output) => layerOf.get(output)!),
      weights: section.inputs.flatMap((name) => weightOf.get(name) ?? []),
    }))
  }

  /**
   * @param modules of the layers that sections end with
   * @throws FusionError 'unsupported' for a network that cannot run here, 'malformed'
   */
  static of(checkpoint: Checkpoint, modules: readonly string[], provider: Provider): SectionedNetwork {
    const denoiser = denoiserOf(checkpoint)
    const name = denoiserName(checkpoint)
    if (!denoiser?.config)
      throw new FusionError('unsupported', `The ${name} of ${checkpoint.path} has no config: it cannot run.`, {
        hint: 'Take a whole model as the base.',
      })
    const { graph, weightInputs, layerInputs } = DENOISER_GRAPHS[name].build(denoiser.config, denoiser.tensors, {
      computeType: 'F32',
      weights: 'inputs',
      attention: provider === 'cpu' ? 'fused' : 1,
      layerInputs: modules,
    })
    const known = new Set(weightInputs.map((input) => input.name))
    const points = layerInputs.map(({ module, output }) => ({
      output,
      weights: [`${module}.weight`, `${module}.bias`].filter((weight) => known.has(weight)),
    }))
    return new SectionedNetwork(graph, cutAtLayers(graph, points, known), layerInputs, weightInputs)
  }

  /** A session of a section. @param taken one run's values of earlier sections */
  open(
    section: NetworkSection,
    taken: Readonly<Record<string, Tensor>>,
    options: { provider: Provider; threads?: number },
  ): Promise<Session> {
    const types = new Map(
      section.takes.map((name) => {
        const { data, dims } = taken[name]!
        return [name, { elementType: elementTypeOf(data), dims }]
      }),
    )
    return createSession(sectionModel(this.model, section, types), { ...options, keepMemory: true })
  }
}
