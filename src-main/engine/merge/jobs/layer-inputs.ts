import type { MethodSettings } from '../../../contract/document/project'
import type { TensorReader } from '../../checkpoint/containers/tensor-reader'
import { TorchGenerator } from '../../random'
import { decodeFloats } from '../../tensor/convert'
import { BYTES_PER_ELEMENT } from '../../tensor/element-type'
import { Kernels } from '../../tensor/kernels'
import { notFiniteError, type TensorInputs } from '../../tensor/tensor-inputs'
import { FusionLayer } from '../fusion/fusion-layer'
import { TensorRows, type LayerRows } from '../fusion/layer-rows'
import type { FeatureSamples } from '../fusion/statistics'
import type { Layer } from '../plan/layers'
import type { LayerTask } from '../plan/merge-plan'
import type { PlanColumns } from '../plan/plan-columns'
import { viewInputs } from './view-inputs'

/** The groups of a layer as the row matrices of method.md. */
export function groupsOf(layer: Layer, inputs: TensorInputs, biases: readonly Float64Array[] | null): TensorRows[] {
  return Array.from(
    { length: layer.kind.groups },
    (_, group) => new TensorRows(inputs, layer.shape, layer.kind, group, biases),
  )
}

/**
 * X ~ N(0, I) [d, samples] for sampled statistics: torch.randn(d, samples) from a CPU generator seeded for every layer
 * anew, so that layers can be computed in any order (paper, section 4.3).
 */
export function randomSamples(inputs: number, samples: number, seed: number): FeatureSamples {
  return { values: new TorchGenerator(seed).randn(inputs * samples), count: samples, centred: true }
}

/**
 * The samples that a layer's statistics are taken on; null: none, they are exact. Calibrated ones are exact where a layer
 * has no columns.
 */
export function samplesFor(
  { statistics, samples, seed }: MethodSettings,
  task: Pick<LayerTask, 'component' | 'layer'>,
  { inputs }: Pick<LayerRows, 'inputs'>,
  columns: PlanColumns | null,
  reader: TensorReader,
): FeatureSamples | null {
  if (statistics === 'calibrated') return columns?.samplesOf(task, inputs, reader) ?? null
  return statistics === 'sampled' ? randomSamples(inputs, samples, seed) : null
}

/** The biases of every model as float64, [out] each. */
export function readBiases(task: Pick<LayerTask, 'biasViews'>, reader: TensorReader): Float64Array[] | null {
  if (!task.biasViews) return null
  const inputs = viewInputs(task.biasViews, reader)
  const kernels = new Kernels(2 * Kernels.bufferSize(inputs.count * 8))
  const raw = kernels.allocate(inputs.count * 8)
  const values = kernels.allocate(inputs.count * 8)
  return inputs.types.map((type, model) => {
    inputs.read(model, 0, raw.bytes(inputs.count * BYTES_PER_ELEMENT[type]))
    if (!decodeFloats(kernels, type, raw, values, inputs.count)) throw notFiniteError(inputs, model)
    return Float64Array.from(values.floats(inputs.count))
  })
}

/** Memory that a Kernels object needs to merge a layer by correlations. */
export function fusionMemory(
  task: Pick<LayerTask, 'component' | 'layer' | 'views'>,
  reader: TensorReader,
  { statistics, samples }: MethodSettings,
  columns: PlanColumns | null,
): number {
  const [rows] = groupsOf(task.layer, viewInputs(task.views, reader), null)
  const gathered = statistics === 'calibrated' ? columns?.ofLayer(task, rows!.inputs, reader).counts[0] : 0
  return FusionLayer.memory(rows!, statistics === 'sampled' ? samples : gathered || null)
}
