import type { MethodSettings } from '../../contract/project'
import { thresholdOf } from '../../contract/project'
import type { TensorReader } from '../checkpoint/tensor-reader'
import { TorchGenerator } from '../random'
import { decodeFloats } from '../tensor/convert'
import { BYTES_PER_ELEMENT, elementCount, type FloatType } from '../tensor/element-type'
import type { FloatEncoder } from '../tensor/float-encoder'
import { Kernels } from '../tensor/kernels'
import { notFiniteError, type TensorInputs } from '../tensor/tensor-inputs'
import { FusionLayer, type FusionOptions, type MergedRows } from './fusion/fusion-layer'
import type { LayerReport } from './fusion/layer-report'
import type { Layer } from './plan/layers'
import { TensorRows, type LayerRows } from './fusion/layer-rows'
import type { LayerTask } from './plan/plan'
import type { PlanColumns } from './plan/plan-columns'
import { RegressionLayer, type RegressionReport } from './regression/regression-layer'
import type { RegressionSessions } from './regression/regression-sessions'
import type { FeatureSamples, FusionSessions } from './fusion/statistics'
import { swapFirstAxes, viewInputs } from './jobs/tensor-job'

/** Writes bytes of a layer's output tensor (or its bias) from a byte offset inside that tensor on. */
export type WriteBytes = (at: number, bytes: Uint8Array) => void

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

/** Memory that a Kernels object needs to merge a layer. */
export function layerMemory(
  task: LayerTask,
  reader: TensorReader,
  settings: MethodSettings,
  columns: PlanColumns | null,
): number {
  const [rows] = groupsOf(task.layer, viewInputs(task.weightViews, reader), null)
  const { inputs } = rows!
  if (task.columns !== null) return RegressionLayer.memory(rows!, columns!.ofLayer(task, inputs, reader), task.weights)
  const { statistics, samples } = settings
  const gathered = statistics === 'calibrated' ? columns?.ofLayer(task, inputs, reader).counts[0] : 0
  return FusionLayer.memory(rows!, statistics === 'sampled' ? samples : gathered || null)
}

/** What the layers of one merge share. */
export interface LayerTools {
  reader: TensorReader
  /** Large enough for every layer (layerMemory). */
  kernels: Kernels
  encoder: FloatEncoder
}

/** Merges the rows of a layer, or of one of its groups, by the method of a plan. */
export interface LayerMerger {
  /**
   * @param write gets the merged rows as they are done
   * @returns the merged bias [rows], or null
   */
  merge(
    task: LayerTask,
    rows: TensorRows,
    tools: LayerTools,
    write: (rows: MergedRows) => void,
  ): Promise<Float64Array | null>
  release(): Promise<void>
}

/** FeatureFusion. */
export class FusionMerger implements LayerMerger {
  readonly reports: LayerReport[] = []

  /** @param checkpoint called between products: throws to stop */
  constructor(
    private readonly settings: MethodSettings,
    private readonly columns: PlanColumns | null,
    private readonly sessions: FusionSessions,
    private readonly checkpoint: () => Promise<void>,
  ) {}

  async merge(
    task: LayerTask,
    rows: TensorRows,
    { kernels, reader }: LayerTools,
    write: (rows: MergedRows) => void,
  ): Promise<Float64Array | null> {
    const { settings, columns, sessions, checkpoint } = this
    const options: FusionOptions = {
      normaliser: settings.normaliser,
      threshold: thresholdOf(settings),
      weights: task.weights,
      samples: samplesFor(settings, task, rows, columns, reader),
    }
    const { report, bias } = await new FusionLayer(rows, options, sessions, kernels).merge(write, checkpoint)
    this.reports.push(report)
    return bias
  }

  async release(): Promise<void> {
    await this.sessions.release()
  }
}

/** Feature regression. */
export class RegressionMerger implements LayerMerger {
  readonly reports: RegressionReport[] = []

  /** @param checkpoint called between products: throws to stop */
  constructor(
    private readonly settings: MethodSettings,
    private readonly columns: PlanColumns,
    private readonly sessions: RegressionSessions,
    private readonly checkpoint: () => Promise<void>,
  ) {}

  async merge(
    task: LayerTask,
    rows: TensorRows,
    { kernels, reader }: LayerTools,
    write: (rows: MergedRows) => void,
  ): Promise<Float64Array | null> {
    const columns = this.columns.ofLayer(task, rows.inputs, reader)
    const options = { weights: task.weights, ridge: this.settings.ridge }
    const layer = new RegressionLayer(rows, columns, options, this.sessions, kernels)
    const { report, bias } = await layer.merge(write, this.checkpoint)
    this.reports.push(report)
    return bias
  }

  async release(): Promise<void> {
    await this.sessions.release()
  }
}

/**
 * Merges a layer group by group and writes its weight and bias in the output's element type.
 * @returns whether a finite value became infinite
 */
export async function runLayer(
  task: LayerTask,
  merger: LayerMerger,
  tools: LayerTools,
  write: { weight: WriteBytes; bias: WriteBytes },
): Promise<boolean> {
  const { layer, destination, biasDestination } = task
  const { reader, encoder } = tools
  const inputs = viewInputs(task.weightViews, reader)
  const biases = readBiases(task, reader)
  const type = destination.elementType as FloatType
  const output = layerOutput(task, write.weight)
  let finite = true
  for (const [group, rows] of groupsOf(layer, inputs, biases).entries()) {
    const bias = await merger.merge(task, rows, tools, ({ start, count, weights: merged }) => {
      const first = (group * rows.rows + start) * rows.inputs * BYTES_PER_ELEMENT[type]
      const put: WriteBytes = (at, bytes) => output.put(first + at, bytes)
      finite = encoder.encode(merged.floats(count * rows.inputs), type, put) && finite
    })
    if (!bias || !biasDestination) continue
    const biasType = biasDestination.elementType as FloatType
    const first = group * rows.rows * BYTES_PER_ELEMENT[biasType]
    const put: WriteBytes = (at, bytes) => write.bias(first + at, bytes)
    finite = encoder.encode(Float32Array.from(bias), biasType, put) && finite
  }
  output.finish()
  return !finite
}

/** Writes a layer's matrix [out, in · area] in the form of its output tensor: at once, or whole where rows scatter. */
function layerOutput({ layer, destination }: LayerTask, write: WriteBytes): { put: WriteBytes; finish: () => void } {
  const { transposedConvolution } = layer.kind
  if (!transposedConvolution && !destination.transposed) return { put: write, finish: () => {} }
  const size = BYTES_PER_ELEMENT[destination.elementType]
  const whole = new Uint8Array(elementCount(layer.shape) * size)
  return {
    put: (at, bytes) => whole.set(bytes, at),
    finish() {
      const [first, second, ...area] = layer.shape
      // A transposed convolution's rows [out, in, area] go back to what it stores, [in, out, area].
      const shape = transposedConvolution ? [second!, first!, ...area] : layer.shape
      write(0, swapFirstAxes(whole, shape, size))
    },
  }
}
