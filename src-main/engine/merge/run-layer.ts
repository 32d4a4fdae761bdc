import type { MethodSettings } from '../../contract/document/project'
import { thresholdOf } from '../../contract/document/project'
import type { YieldOrCancel } from '../cancel'
import type { TensorReader } from '../checkpoint/containers/tensor-reader'
import { BYTES_PER_ELEMENT, type FloatType } from '../tensor/element-type'
import { MatrixProducts } from '../linear-algebra/matrix-products'
import type { Provider } from '../runtime/session'
import type { FloatEncoder } from '../tensor/float-encoder'
import type { Kernels } from '../tensor/kernels'
import { ChangedRows } from './jobs/changed-rows'
import { FusionLayer, type FusionOptions, type MergedRows } from './fusion/fusion-layer'
import type { Room } from './fusion/fusion-blocks'
import type { LayerReport } from './fusion/layer-report'
import type { TensorRows } from './fusion/layer-rows'
import type { SumSettings } from './fusion/layer-sums'
import { FusionSessions } from './fusion/statistics'
import { gainedBias } from './jobs/gained-bias'
import { multiply } from '../linear-algebra/vectors'
import { fusionMemory, groupsOf, readBiases, samplesFor } from './jobs/layer-inputs'
import { tensorOutput } from './jobs/tensor-output'
import type { WriteBytes } from './jobs/transposition'
import { viewInputs } from './jobs/view-inputs'
import { methodNamed } from './methods/index'
import type { MatrixMethod, RegressionMethod } from './methods/method'
import type { LayerArithmetic, MergePlan } from './plan/merge-plan'
import type { PlanColumns } from './plan/plan-columns'
import { RegressionLayer, type RegressionReport } from './regression/regression-layer'
import { RegressionSessions } from './regression/regression-sessions'

/** Memory that a Kernels object needs to merge a layer. */
export function layerMemory(
  task: LayerArithmetic,
  reader: TensorReader,
  settings: MethodSettings,
  columns: PlanColumns | null,
): number {
  const method = methodNamed(settings.name)
  if (method.kind === 'fusion') return fusionMemory(task, reader, settings, columns)
  const [rows] = groupsOf(task.layer, viewInputs(task.views, reader), null)
  if (method.kind === 'matrix') return ChangedRows.memory(rows!)
  return RegressionLayer.memory(rows!, columns!.ofLayer(task, rows!.inputs, reader), task.weights)
}

/** Memory that the layers of a matrix method may take together where several are merged at a time. */
export const SHARED_BYTES = 700e6

/** Memory that merging a layer takes in all, at most. */
export function layerPeak(...parameters: Parameters<typeof layerMemory>): number {
  const [{ layer, views }, reader, settings] = parameters
  const method = methodNamed(settings.name)
  const kernels = layerMemory(...parameters)
  if (method.kind !== 'matrix') return kernels
  const [rows] = groupsOf(layer, viewInputs(views, reader), null)
  return kernels + method.cost({ rows: rows!.rows, columns: rows!.inputs, specialists: views.length - 1 }).bytes
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
    task: LayerArithmetic,
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
  /** What was found before of the groups of the layers that come next (FusionLayer.prepare), in their order. */
  prepared: SumSettings[] = []

  /**
   * @param columns for calibrated statistics
   * @param room 'own-rows' where all layers come prepared, and only own rows take part
   */
  constructor(
    private readonly columns: PlanColumns | null,
    private readonly room: Room,
    ...shared: ConstructorParameters<typeof MergerOnSessions<FusionSessions, LayerReport>>
  ) {
    super(...shared)
  }

  async merge(
    task: LayerArithmetic,
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
    const fusion = new FusionLayer(rows, options, sessions, kernels, this.room)
    const { report, bias } = await fusion.merge(write, this.yieldOrCancel, this.prepared.shift())
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
    task: LayerArithmetic,
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

/** What a matrix method did to one layer, or to one group of it. */
export interface MatrixReport {
  layer: string
  /** Directions that it took, and that it would have taken of changes of full rank. */
  taken: number
  wanted: number
}

/** Matrix methods: TSV-Merge and others. */
export class MatrixMerger extends MergerOnSessions<MatrixProducts, MatrixReport> {
  constructor(
    private readonly method: MatrixMethod,
    ...shared: ConstructorParameters<typeof MergerOnSessions<MatrixProducts, MatrixReport>>
  ) {
    super(...shared)
  }

  async merge(
    task: LayerArithmetic,
    rows: TensorRows,
    { kernels }: LayerTools,
    write: (rows: MergedRows) => void,
  ): Promise<Float64Array | null> {
    const { method, settings, sessions } = this
    const layer = new ChangedRows(rows, task.weights, settings, sessions, kernels, this.yieldOrCancel)
    const { change, rank } = await method.merge(layer)
    layer.add(change, write)
    if (rank) this.reports.push({ layer: rows.name, ...rank })
    const { coefficients, divisor } = method.combine(task.weights, settings)
    return (
      rows.biases &&
      Float64Array.from({ length: rows.rows }, (_, row) => {
        return coefficients.reduce((sum, value, model) => sum + value * rows.biases![model]![row]!, 0) / divisor
      })
    )
  }
}

/**
 * The merger of a plan's layers.
 * @param columns where the plan takes real inputs @param pause called between products: throws to stop
 */
export function layerMerger(
  { method, project: { method: settings } }: Pick<MergePlan, 'method' | 'project'>,
  columns: PlanColumns | null,
  { provider = 'cpu', threads, screens }: { provider?: Provider; threads?: number; screens?: boolean },
  pause: YieldOrCancel,
): FusionMerger | RegressionMerger | MatrixMerger {
  switch (method.kind) {
    case 'matrix':
      return new MatrixMerger(method, settings, new MatrixProducts(provider, threads), pause)
    case 'regression':
      return new RegressionMerger(method, columns!, settings, new RegressionSessions(provider, threads), pause)
    default:
      return new FusionMerger(columns, 'all', settings, new FusionSessions(provider, threads, screens), pause)
  }
}

/**
 * Merges a layer group by group and writes its weight and bias in the output's element type.
 * @returns whether a finite value was too large for the output's element type
 */
export async function runLayer(
  task: LayerArithmetic,
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
      const values = merged.floats(count * rows.inputs)
      multiply(values, destination.gain)
      finite = encoder.encode(values, type, put) && finite
    })
    if (!bias || !biasDestination) continue
    const biasType = biasDestination.elementType as FloatType
    const first = group * rows.rows * BYTES_PER_ELEMENT[biasType]
    const put: WriteBytes = (at, bytes) => write.bias(first + at, bytes)
    finite = encoder.encode(gainedBias(bias, biasDestination.gain), biasType, put) && finite
  }
  output.finish()
  return !finite
}

/** The shape of a layer's rows [out, in, area], where its output stores them with the first two axes swapped. */
function swappedShape({ layer: { kind, shape }, destination }: LayerArithmetic): readonly number[] | null {
  const [first, second, ...area] = shape
  // A transposed convolution's rows go back to what it stores, [in, out, area].
  if (kind.transposedConvolution) return [second!, first!, ...area]
  return destination.transposed ? shape : null
}
