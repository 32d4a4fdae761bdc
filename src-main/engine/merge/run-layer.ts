import type { MethodSettings } from '../../contract/document/project'
import { thresholdOf } from '../../contract/document/project'
import type { YieldOrCancel } from '../cancel'
import type { TensorReader } from '../checkpoint/containers/tensor-reader'
import { BYTES_PER_ELEMENT, type FloatType } from '../tensor/element-type'
import type { FloatEncoder } from '../tensor/float-encoder'
import type { Kernels } from '../tensor/kernels'
import { FusionLayer, type FusionOptions, type MergedRows } from './fusion/fusion-layer'
import type { LayerReport } from './fusion/layer-report'
import type { TensorRows } from './fusion/layer-rows'
import type { FusionSessions } from './fusion/statistics'
import { fusionMemory, groupsOf, readBiases, samplesFor } from './jobs/layer-inputs'
import { tensorOutput } from './jobs/tensor-output'
import type { WriteBytes } from './jobs/transposition'
import { viewInputs } from './jobs/view-inputs'
import type { RegressionMethod } from './methods/method'
import type { LayerTask } from './plan/merge-plan'
import type { PlanColumns } from './plan/plan-columns'
import { RegressionLayer, type RegressionReport } from './regression/regression-layer'
import type { RegressionSessions } from './regression/regression-sessions'

/** Memory that a Kernels object needs to merge a layer. */
export function layerMemory(
  task: LayerTask,
  reader: TensorReader,
  settings: MethodSettings,
  columns: PlanColumns | null,
): number {
  if (task.columns === null) return fusionMemory(task, reader, settings, columns)
  const [rows] = groupsOf(task.layer, viewInputs(task.views, reader), null)
  return RegressionLayer.memory(rows!, columns!.ofLayer(task, rows!.inputs, reader), task.weights)
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

/** What both ways of merging layers share. */
abstract class MergerOnSessions<Sessions extends { release(): Promise<void> }, Report> implements LayerMerger {
  readonly reports: Report[] = []

  /** @param yieldOrCancel called between products */
  constructor(
    protected readonly settings: MethodSettings,
    protected readonly sessions: Sessions,
    protected readonly yieldOrCancel: YieldOrCancel,
  ) {}

  abstract merge(...parameters: Parameters<LayerMerger['merge']>): ReturnType<LayerMerger['merge']>

  async release(): Promise<void> {
    await this.sessions.release()
  }
}

/** FeatureFusion. */
export class FusionMerger extends MergerOnSessions<FusionSessions, LayerReport> {
  /** @param columns for calibrated statistics */
  constructor(
    private readonly columns: PlanColumns | null,
    ...shared: ConstructorParameters<typeof MergerOnSessions<FusionSessions, LayerReport>>
  ) {
    super(...shared)
  }

  async merge(
    task: LayerTask,
    rows: TensorRows,
    { kernels, reader }: LayerTools,
    write: (rows: MergedRows) => void,
  ): Promise<Float64Array | null> {
    const { settings, columns, sessions } = this
    const options: FusionOptions = {
      normaliser: settings.normaliser,
      threshold: thresholdOf(settings),
      weights: task.weights,
      samples: samplesFor(settings, task, rows, columns, reader),
    }
    const { report, bias } = await new FusionLayer(rows, options, sessions, kernels).merge(write, this.yieldOrCancel)
    this.reports.push(report)
    return bias
  }
}

/** Feature regression and RegMean. */
export class RegressionMerger extends MergerOnSessions<RegressionSessions, RegressionReport> {
  constructor(
    private readonly method: RegressionMethod,
    private readonly columns: PlanColumns,
    ...shared: ConstructorParameters<typeof MergerOnSessions<RegressionSessions, RegressionReport>>
  ) {
    super(...shared)
  }

  async merge(
    task: LayerTask,
    rows: TensorRows,
    { kernels, reader }: LayerTools,
    write: (rows: MergedRows) => void,
  ): Promise<Float64Array | null> {
    const columns = this.columns.ofLayer(task, rows.inputs, reader)
    const options = this.method.problem(task.weights, this.settings)
    const layer = new RegressionLayer(rows, columns, options, this.sessions, kernels)
    const { report, bias } = await layer.merge(write, this.yieldOrCancel)
    this.reports.push(report)
    return bias
  }
}

/**
 * Merges a layer group by group and writes its weight and bias in the output's element type.
 * @returns whether a finite value was too large for the output's element type
 */
export async function runLayer(
  task: LayerTask,
  merger: LayerMerger,
  tools: LayerTools,
  write: { weight: WriteBytes; bias: WriteBytes },
): Promise<boolean> {
  const { layer, destination, biasDestination } = task
  const { reader, encoder } = tools
  const inputs = viewInputs(task.views, reader)
  const biases = readBiases(task, reader)
  const output = tensorOutput(destination, swappedShape(task), inputs.count, write.weight)
  const { type } = output
  let finite = true
  for (const [group, rows] of groupsOf(layer, inputs, biases).entries()) {
    const bias = await merger.merge(task, rows, tools, ({ start, count, weights: merged }) => {
      const first = (group * rows.rows + start) * rows.inputs * BYTES_PER_ELEMENT[type]
      const put: WriteBytes = (at, bytes) => output.write(first + at, bytes)
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

/** The shape of a layer's rows [out, in, area], where its output stores them with the first two axes swapped. */
function swappedShape({ layer: { kind, shape }, destination }: LayerTask): readonly number[] | null {
  const [first, second, ...area] = shape
  // A transposed convolution's rows go back to what it stores, [in, out, area].
  if (kind.transposedConvolution) return [second!, first!, ...area]
  return destination.transposed ? shape : null
}
