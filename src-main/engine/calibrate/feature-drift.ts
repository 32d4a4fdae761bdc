import { moduleOf } from '../checkpoint/model/module-name'
import { FusionError } from '../../contract/errors'
import type { MethodDescriptor } from '../../contract/methods/descriptor'
import { METHODS } from '../../contract/methods/index'
import { thresholdOf } from '../../contract/document/project'
import type { Checkpoint } from '../checkpoint/model/checkpoint'
import { TensorReader } from '../checkpoint/containers/tensor-reader'
import { loadPipeline, type LoadOptions } from '../diffusion/load-pipeline'
import { throwIfCancelled, yieldOrCancel } from '../cancel'
import { FusionLayer } from '../merge/fusion/fusion-layer'
import { rowSums } from '../merge/fusion/layer-report'
import { PLAIN_LAYER, TensorRows, type LayerRows } from '../merge/fusion/layer-rows'
import { normaliserOf } from '../merge/fusion/normalisers'
import { sourcesOf, type LayerTask, type MergePlan, type TensorTask } from '../merge/plan/merge-plan'
import type { PlanColumns } from '../merge/plan/plan-columns'
import { RegressionSessions } from '../merge/regression/regression-sessions'
import { samplesFor } from '../merge/jobs/layer-inputs'
import { FusionSessions } from '../merge/fusion/statistics'
import { viewInputs } from '../merge/jobs/view-inputs'
import { decodeFloats } from '../tensor/convert'
import { Kernels } from '../tensor/kernels'
import { calibratedLayers, type CalibratedCheckpoint } from './calibrate'
import { gatherColumns, layerGroups } from './gather'
import type { CalibratedLayer, LayerColumns } from '../merge/plan/calibration/calibration-file'
import { denoiserOf } from '../checkpoint/denoisers'
import { isDenoiser } from '../../contract/values/denoisers'

/** How far a merged layer's features are from the models' own, combined by the merge's coefficients (equation 20). */
export interface LayerDrift {
  /** Module of the layer. */
  layer: string
  /** ‖f_merged − Σ C f_m / Z‖ / ‖Σ C f_m / Z‖ with all on the base's inputs: what rounding costs. */
  alone: number
  /** The same where the merge and every model get the inputs that their own running networks give them. */
  inside: number
}

/** Of the time of a group of layers: its networks run, then features are computed. */
const GATHERING_PART = 0.6

export interface DriftOptions extends Omit<LoadOptions, 'layerInputs' | 'liveUnet' | 'base'> {
  /** A whole pipeline that lends what the models lack. */
  base: Checkpoint
  /** Only these layers, by module; all if absent. */
  layers?: readonly string[]
  /** Inputs per layer. */
  samples: number
  seed: number
  /** For calibrated statistics (PlanColumns.find). */
  columns?: PlanColumns | null
  signal?: AbortSignal
  onProgress?: (fraction: number) => void
}

/**
 * The paper's section 4.5 on real activations: features of the merge against the weighted sum of the models' features,
 * layer by layer. All networks run on the same, and the same positions of their inputs are compared.
 * @param merged what the plan was exported to
 * @param run makes a pipeline's UNet run: the same every time (sources.ts)
 * @returns in the order of the network
 * @throws FusionError 'unsupported' for methods that combine no rows, 'cancelled', and what loading and running throw
 */
export async function featureDrift(
  plan: MergePlan,
  merged: Checkpoint,
  run: CalibratedCheckpoint['run'],
  options: DriftOptions,
): Promise<LayerDrift[]> {
  checkCombinesFeatures(plan)
  const { samples, onProgress, signal, layers: wanted } = options
  const tasks = new Map(
    plan.tasks.flatMap((task) => (isDenoiser(task.component) ? [[moduleOf(task.name), task] as const] : [])),
  )
  const layers = calibratedLayers(merged).filter(({ module }) => !wanted || wanted.includes(module))
  const groups = layerGroups(layers, samples)
  const networks = [merged, ...plan.models.map(({ checkpoint }) => checkpoint)]
  const work = new DriftWork(plan, merged, options)
  const drifts = new Map<string, LayerDrift>()
  const order: string[] = []
  const report = (group: number, part: number): void => onProgress?.((group + part) / groups.length)
  try {
    for (const [place, group] of groups.entries()) {
      const columns: LayerColumns[][] = []
      for (const [index, checkpoint] of networks.entries()) {
        throwIfCancelled(signal)
        const gathered = await gather(checkpoint, group, run, options, (fraction) =>
          report(place, (GATHERING_PART * (index + fraction)) / networks.length),
        )
        columns.push(gathered.columns)
        if (index === 0) order.push(...gathered.order)
      }
      for (const [index, { module }] of group.entries()) {
        await yieldOrCancel(signal)
        const own = columns.map((all) => all[index]!)
        drifts.set(module, await work.drift(module, tasks.get(module)!, own))
        report(place, GATHERING_PART + ((1 - GATHERING_PART) * (index + 1)) / group.length)
      }
    }
  } finally {
    await work.release()
  }
  return order.map((module) => drifts.get(module)!)
}

/** Whether a method's features are the models' features times coefficients. */
function combinesFeatures({ kind, needs }: Pick<MethodDescriptor, 'kind' | 'needs'>): boolean {
  return kind === 'fusion' || (kind === 'linear' && needs === null)
}

/** @throws FusionError 'unsupported' for a method that does not combine features by coefficients */
export function checkCombinesFeatures({ method }: Pick<MergePlan, 'method'>): void {
  if (combinesFeatures(method)) return
  throw new FusionError('unsupported', `${method.title} does not combine features by coefficients.`, {
    hint: `Choose one that does: ${METHODS.filter(combinesFeatures)
      .map(({ title }) => title)
      .join(', ')}.`,
  })
}

async function gather(
  checkpoint: Checkpoint,
  group: readonly CalibratedLayer[],
  run: CalibratedCheckpoint['run'],
  { samples, seed, ...options }: DriftOptions,
  onProgress: (fraction: number) => void,
): Promise<{ columns: LayerColumns[]; order: string[] }> {
  const pipeline = await loadPipeline(checkpoint, { ...options, layerInputs: group.map(({ module }) => module) })
  try {
    // One key for all networks: they keep the same positions.
    const columns = await gatherColumns(pipeline, group, { samples, seed, key: '' }, () => run(pipeline, onProgress))
    return { columns, order: pipeline.parts.layerInputs.map(({ module }) => module) }
  } finally {
    await pipeline.release()
  }
}

class DriftWork {
  private readonly reader: TensorReader
  private readonly products = new RegressionSessions('cpu')
  private readonly sessions = new FusionSessions('cpu')

  constructor(
    private readonly plan: MergePlan,
    private readonly merged: Checkpoint,
    private readonly options: DriftOptions,
  ) {
    this.reader = new TensorReader([...sourcesOf(plan), ...merged.files])
  }

  async release(): Promise<void> {
    this.reader.close()
    await this.products.release()
    await this.sessions.release()
  }

  /** @param columns of the merge, then of every model of the plan */
  async drift(module: string, task: TensorTask | LayerTask, columns: readonly LayerColumns[]): Promise<LayerDrift> {
    const [merged, ...models] = columns.map(floatsOf)
    const shared = models[0]!
    const { inputs, count } = columns[0]!
    const { views } = task
    const rows = new TensorRows(viewInputs(views, this.reader), views[0]!.shape, PLAIN_LAYER, 0, null)
    const own = denoiserOf(this.merged)!.tensors.get(`${module}.weight`)!
    const ownRows = new TensorRows(viewInputs([own], this.reader), own.shape, PLAIN_LAYER, 0, null)
    const both = (x: Float32Array): Float32Array => {
      const joined = new Float32Array(shared.length + x.length)
      joined.set(shared)
      joined.set(x, shared.length)
      return joined
    }
    const features = await this.times(readAll(ownRows, 0), both(merged!), inputs)
    const { sums, z } = await this.combined(task, rows, models.map(both))
    const squares = { alone: [0, 0], inside: [0, 0] }
    for (let row = 0; row < rows.rows; row++) {
      if (z[row] === 0) continue // the mean, by definition
      for (let column = 0; column < 2 * count; column++) {
        const at = row * 2 * count + column
        const wanted = sums[at]! / z[row]!
        const half = column < count ? squares.alone : squares.inside
        half[0]! += (features[at]! - wanted) ** 2
        half[1]! += wanted ** 2
      }
    }
    const relative = ([error, whole]: number[]): number => (whole! > 0 ? Math.sqrt(error! / whole!) : 0)
    return { layer: module, alone: relative(squares.alone), inside: relative(squares.inside) }
  }

  /** Σ_m α_m C_m K_m x_m [rows, columns] and Z [rows]: equation 20 before it is divided. */
  private async combined(
    task: TensorTask | LayerTask,
    rows: LayerRows,
    inputs: readonly Float32Array[],
  ): Promise<{ sums: Float64Array; z: Float64Array }> {
    const sums = new Float64Array((rows.rows * inputs[0]!.length) / rows.inputs)
    const z = new Float64Array(rows.rows)
    const add = async (matrix: Float32Array, model: number, weight: number): Promise<void> => {
      const features = await this.times(matrix, inputs[model]!, rows.inputs)
      for (let i = 0; i < sums.length; i++) sums[i]! += weight * features[i]!
    }
    if (task.kind === 'tensor') {
      if (task.method.kind !== 'linear')
        throw new FusionError('internal', `${task.method.title} is not a linear combination.`)
      const { coefficients, divisor } = task.method.combine(task.weights, this.plan.project.method)
      for (const [model, coefficient] of coefficients.entries())
        if (coefficient !== 0) await add(readAll(rows, model), model, coefficient)
      return { sums, z: z.fill(divisor) }
    }
    for (const [model, weight] of task.weights.entries()) {
      if (weight === 0) continue
      const { matrix, z: own } = await this.contribution(task, rows, model)
      await add(matrix, model, weight)
      for (let row = 0; row < z.length; row++) z[row]! += weight * own[row]!
    }
    return { sums, z }
  }

  /** A_m = C_m K_m and z_m of one model. */
  private async contribution(
    task: LayerTask,
    rows: LayerRows,
    model: number,
  ): Promise<{ matrix: Float32Array; z: Float64Array }> {
    const settings = this.plan.project.method
    const samples = samplesFor(settings, task, rows, this.options.columns ?? null, this.reader)
    const kernels = new Kernels(FusionLayer.memory(rows, samples?.count ?? null))
    const { normaliser } = settings
    const weights = task.weights.map(() => 1)
    const layer = new FusionLayer(
      rows,
      { normaliser, threshold: thresholdOf(settings), weights, samples },
      this.sessions,
      kernels,
    )
    const matrix = new Float32Array(rows.rows * rows.inputs)
    const z = new Float64Array(rows.rows)
    await layer.contributions(
      [model],
      (_, { start, count, sums, contribution: { sigma, parts } }) => {
        const values = sums.doubles(count * rows.inputs)
        for (let row = 0; row < count; row++) {
          const length = sigma.base[start + row]!
          if (length === 0) continue
          z[start + row] = normaliserOf(normaliser, rowSums(parts, start + row), length)
          for (let i = row * rows.inputs; i < (row + 1) * rows.inputs; i++)
            matrix[start * rows.inputs + i] = values[i]! / length
        }
      },
      () => yieldOrCancel(this.options.signal),
    )
    return { matrix, z }
  }

  /** matrix · xᵀ for rows of inputs. */
  private times(matrix: Float32Array, x: Float32Array, inputs: number): Promise<Float32Array> {
    return this.products.rowProduct(
      { data: matrix, dims: [matrix.length / inputs, inputs] },
      { data: x, dims: [x.length / inputs, inputs] },
    )
  }
}

/** A model's whole matrix. */
function readAll(rows: LayerRows, model: number): Float32Array {
  const scratchBytes = rows.scratchBytes(rows.rows)
  const elements = rows.rows * rows.inputs
  const kernels = new Kernels(Kernels.bufferSize(scratchBytes) + Kernels.bufferSize(elements * 4))
  const [scratch, into] = [kernels.allocate(scratchBytes), kernels.allocate(elements * 4)]
  rows.read(model, 0, rows.rows, into, scratch, kernels)
  return into.floats(elements)
}

function floatsOf({ bytes }: LayerColumns): Float32Array {
  const count = bytes.byteLength / 2
  const kernels = new Kernels(Kernels.bufferSize(count * 2) + Kernels.bufferSize(count * 4))
  const [raw, values] = [kernels.allocate(count * 2), kernels.allocate(count * 4)]
  raw.bytes(count * 2).set(bytes)
  decodeFloats(kernels, 'F16', raw, values, count)
  return values.floats(count)
}
