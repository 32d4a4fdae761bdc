import type { MethodSettings } from '../../contract/document/project'
import { thresholdOf } from '../../contract/document/project'
import type { YieldOrCancel } from '../cancel'
import type { SourceFile } from '../checkpoint/containers/container'
import { TensorReader } from '../checkpoint/containers/tensor-reader'
import { BlockChecksums, createHasher, OrderedChecksum } from '../files/kept/checksums'
import { elementCount } from '../tensor/element-type'
import { MatrixProducts } from '../linear-algebra/matrix-products'
import { FloatEncoder } from '../tensor/float-encoder'
import { Kernels } from '../tensor/kernels'
import type { RowValues } from './contributions/contribution-file'
import { contributors, groupsOfModels, writeContributions } from './contributions/layer-contributions'
import { differencesMemory } from './contributions/layer-differences'
import { FusionLayer } from './fusion/fusion-layer'
import type { LayerRows } from './fusion/layer-rows'
import type { SumSettings } from './fusion/layer-sums'
import { isOwnOnly } from './fusion/screen'
import { FusionSessions } from './fusion/statistics'
import type { LayerArithmetic, MergePlan } from './plan/merge-plan'
import type { Provider } from '../runtime/session'
import { FusionMerger, layerMemory, MatrixMerger, runLayer, type LayerMerger } from './run-layer'
import { groupsOf } from './jobs/layer-inputs'
import { OpenOutputs, type JobTarget } from './jobs/tensor-job'
import { writtenBytes } from './jobs/tensor-output'
import { viewInputs } from './jobs/view-inputs'
import { methodNamed } from './methods/index'
import type { MatrixMethod } from './methods/method'

interface LayerJobBase {
  task: LayerArithmetic
  settings: MethodSettings
}

/** Finds what is known of a layer before its rows are summed, whatever the models' weights. */
export interface PrepareJob extends LayerJobBase {
  kind: 'prepare'
  /** Of every group. */
  thresholds: readonly (number | 'auto')[]
  /** By their places in the plan, base first. */
  models: readonly number[]
}

/** Merges a layer by correlations, or by a matrix method. */
export interface MergeJob extends LayerJobBase {
  kind: 'fusion' | 'matrix'
  weight: Pick<JobTarget, 'path' | 'position'>
  bias: Pick<JobTarget, 'path' | 'position'> | null
}

/** Computes models' contributions to a layer. */
export interface ContributionJob extends LayerJobBase {
  kind: 'contributions'
  /** τ of every group. */
  thresholds: readonly number[]
  /** What a PrepareJob found of the contributors of these models; null where it is not known any more. */
  prepared: readonly SumSettings[] | null
  /** Models by their place in the plan, and where their differences are written. */
  models: readonly { model: number; target: Pick<JobTarget, 'path' | 'position'> }[]
}

/**
 * Work on one layer that is done on any thread: a merge by a matrix method, or one by correlations as long as no rows take
 * part but the models' own, with exact statistics. Products run on the processor. Plain data.
 */
export type LayerJob = PrepareJob | MergeJob | ContributionJob

/** Whether the layers of a plan are such work, before anything is known of their rows. */
export function triesOwnRows({ method, project }: Pick<MergePlan, 'method' | 'project'>, provider: Provider): boolean {
  const { method: settings } = project
  const isExact = settings.statistics === 'exact'
  return method.kind === 'fusion' && provider === 'cpu' && isExact && thresholdOf(settings) !== 0
}

/** What a merged layer tells. */
export interface MergedLayerResult {
  overflowed: boolean
  reports: object[]
  /** Of the weight and the bias; null where they were not written from the first byte to the last. */
  checksums: readonly (string | null)[]
}

/** What is known of a model's contribution to a layer when its differences are written. */
export interface ContributedLayer {
  values: RowValues
  /** Of the blocks of its differences. */
  checksums: readonly string[]
}

export interface LayerResult {
  /** Of every group; null where no product can be left out, and nothing was looked at. */
  prepared: readonly SumSettings[] | null
  /** null: other rows take part, and nothing was written. */
  merged: MergedLayerResult | null
  contributed: ContributedLayer[] | null
}

/** One thread's tools for layers: little memory, since products of whole layers are not done here. */
export class LayerJobRunner {
  private readonly reader: TensorReader
  private readonly outputs = new OpenOutputs()
  private readonly sessions: FusionSessions
  private readonly products: MatrixProducts
  private readonly encoder = new FloatEncoder()
  private readonly kernels = new Kernels(0)

  /**
   * @param threads of a product; the runtime's own choice if absent
   * @param yieldOrCancel called between products: throws to stop
   */
  constructor(
    sources: readonly SourceFile[],
    threads: number | undefined,
    private readonly yieldOrCancel: YieldOrCancel,
  ) {
    this.reader = new TensorReader(sources)
    this.sessions = new FusionSessions('cpu', threads)
    this.products = new MatrixProducts('cpu', threads)
  }

  /** @throws FusionError 'not-finite', 'source-changed', 'internal'; file system errors of writing */
  async run(job: LayerJob): Promise<LayerResult> {
    if (job.kind === 'contributions') return this.contribute(job)
    if (job.kind === 'prepare') return this.prepareModels(job)
    if (job.kind === 'matrix') return { prepared: null, merged: await this.mergeMatrix(job), contributed: null }
    const { task, settings } = job
    const { weights } = task
    const thresholds = Array<number | 'auto'>(task.layer.kind.groups).fill(thresholdOf(settings))
    const groups = groupsOf(task.layer, viewInputs(task.views, this.reader), null)
    const prepared = await this.prepare(groups, { settings, thresholds, weights })
    const isOwn = prepared?.every(({ screen }) => isOwnOnly(screen, weights)) === true
    return { prepared, merged: isOwn ? await this.mergeOwnRows(job, prepared!) : null, contributed: null }
  }

  async release(): Promise<void> {
    this.reader.close()
    this.outputs.close()
    await this.sessions.release()
    await this.products.release()
  }

  private async prepare(groups: readonly LayerRows[], options: GroupOptions): Promise<SumSettings[] | null> {
    const prepared: SumSettings[] = []
    for (const [index, group] of groups.entries()) {
      const fusion = this.fusionOf(group, options, index)
      if (!(await fusion.screens())) return null
      prepared.push(await fusion.prepare(this.yieldOrCancel))
    }
    return prepared
  }

  private async prepareModels({ task, settings, thresholds, models }: PrepareJob): Promise<LayerResult> {
    const groups = groupsOfModels(task, models, this.reader)
    const prepared = await this.prepare(groups, { settings, thresholds, weights: models.map(() => 1) })
    return { prepared, merged: null, contributed: null }
  }

  private async mergeOwnRows(job: MergeJob, prepared: SumSettings[]): Promise<MergedLayerResult> {
    const merger = new FusionMerger(null, 'own-rows', job.settings, this.sessions, this.yieldOrCancel)
    merger.prepared = [...prepared]
    return this.merge(job, merger)
  }

  private async mergeMatrix(job: MergeJob): Promise<MergedLayerResult> {
    const { task, settings } = job
    this.kernels.reserve(layerMemory(task, this.reader, settings, null))
    const method = methodNamed(settings.name) as MatrixMethod
    return this.merge(job, new MatrixMerger(method, settings, this.products, this.yieldOrCancel))
  }

  private async merge(
    { task, weight, bias }: MergeJob,
    merger: LayerMerger & { reports: object[] },
  ): Promise<MergedLayerResult> {
    const { reader, kernels, encoder } = this
    const [ofWeight, ofBias] = [new OrderedChecksum(await createHasher()), new OrderedChecksum(await createHasher())]
    const overflowed = await runLayer(
      task,
      merger,
      { reader, kernels, encoder },
      {
        weight: (at, bytes) => {
          ofWeight.add(at, bytes)
          this.outputs.write(weight, at, bytes)
        },
        bias: (at, bytes) => {
          ofBias.add(at, bytes)
          this.outputs.write(bias!, at, bytes)
        },
      },
    )
    const checksums = [ofWeight.digest(writtenBytes(task.destination, elementCount(task.layer.shape)))]
    const { biasDestination, biasViews } = task
    if (biasDestination)
      checksums.push(ofBias.digest(writtenBytes(biasDestination, elementCount(biasViews![0]!.shape))))
    return { overflowed, reports: merger.reports, checksums }
  }

  /** The base and the models that are asked for, which a contribution depends on. */
  private async contribute(job: ContributionJob): Promise<LayerResult> {
    const { task, settings, thresholds, models } = job
    const asked = models.map(({ model }) => model)
    const taking = contributors(asked)
    const groups = groupsOfModels(task, taking, this.reader)
    const weights = taking.map((model) => (asked.includes(model) ? 1 : 0))
    const options = { settings, thresholds, weights }
    const prepared = job.prepared ?? (await this.prepare(groups, options))
    const isOwn = prepared?.every(({ screen }) => isOwnOnly(screen, weights)) === true
    if (!isOwn) return { prepared, merged: null, contributed: null }
    const checksums = models.map(() => new BlockChecksums())
    const values = await writeContributions(
      groups,
      models.map(({ model, target }, index) => ({
        model,
        write: (at, bytes) => {
          checksums[index]!.add(bytes)
          this.outputs.write(target, at, bytes)
        },
      })),
      (group, index) => {
        const fusion = this.fusionOf(group, options, index)
        return { fusion, kernels: this.kernels }
      },
      { normaliser: settings.normaliser, prepared },
      this.yieldOrCancel,
    )
    const contributed = values.map((one, index) => ({ values: one, checksums: checksums[index]!.finish() }))
    return { prepared, merged: null, contributed }
  }

  private fusionOf(group: LayerRows, { settings, thresholds, weights }: GroupOptions, index: number): FusionLayer {
    this.kernels.reserve(FusionLayer.memory(group, null, 'own-rows') + differencesMemory(group))
    const { normaliser } = settings
    const options = { normaliser, threshold: thresholds[index]!, weights, samples: null }
    return new FusionLayer(group, options, this.sessions, this.kernels, 'own-rows')
  }
}

interface GroupOptions {
  settings: MethodSettings
  /** Of every group. */
  thresholds: readonly (number | 'auto')[]
  weights: readonly number[]
}
