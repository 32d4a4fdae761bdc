import { availableParallelism } from 'node:os'
import { yieldOrCancel } from '../../cancel'
import { TensorReader } from '../../checkpoint/containers/tensor-reader'
import type { Provider } from '../../runtime/session'
import { BYTES_PER_ELEMENT } from '../../tensor/element-type'
import { Kernels } from '../../tensor/kernels'
import { FusionLayer } from '../fusion/fusion-layer'
import type { LayerRows } from '../fusion/layer-rows'
import { pickModels, type SumSettings } from '../fusion/layer-sums'
import { FusionSessions } from '../fusion/statistics'
import { runJobs, type PoolOptions } from '../job-pool'
import { fusionMemory, groupsOf, readBiases, samplesFor } from '../jobs/layer-inputs'
import { viewInputs } from '../jobs/view-inputs'
import { triesOwnRows, type ContributedLayer, type ContributionJob, type PrepareJob } from '../layer-job'
import { sourcesOf, withoutFiles, type LayerTask, type MergePlan } from '../plan/merge-plan'
import { PlanColumns } from '../plan/plan-columns'
import type { ContributionWriter, Contributions, RowValues } from './contribution-file'
import { contributors, groupsOfModels, writeContributions } from './layer-contributions'
import { differencesMemory } from './layer-differences'
import { ownRowValues, sumsOwnRows, type KnownLayer } from './own-rows'

/** What is kept of layers that were looked at, in bytes; the rest is looked at once more. */
const KEPT_BYTES = 128e6

/** A model whose contributions are computed, and the file that they go to. */
export interface ModelWriter {
  model: number
  writer: ContributionWriter
}

/** What belongs to the rows of models that contribute nothing to a layer but these, by the layer's weight and the model. */
export type OwnRows = ReadonlyMap<string, ReadonlyMap<number, RowValues>>

interface LayersOptions {
  provider: Provider
  hashes: ReadonlyMap<string, string>
  workerFile?: URL | null
  threads?: number
  signal?: AbortSignal
}

/** Called when a layer is done. */
type Advance = (task: LayerTask) => Promise<void>

/**
 * Computes contributions, all models of a layer together: on threads where no rows take part but the models' own, else on
 * the calling thread, whose products have threads of the runtime.
 */
export class ContributedLayers {
  /** Reads the models' files. */
  readonly reader: TensorReader
  private readonly sessions: FusionSessions
  /** What is known of layers; null where no product can be left out. */
  private readonly kept = new Map<LayerTask, KnownLayer | null>()
  private keptBytes = 0
  private madeKernels: Kernels | undefined
  /** The layer that the calling thread works on. */
  private whole: Promise<void> = Promise.resolve()

  constructor(
    private readonly plan: MergePlan,
    private readonly tasks: readonly LayerTask[],
    private readonly options: LayersOptions,
  ) {
    this.reader = new TensorReader(sourcesOf(plan))
    this.sessions = new FusionSessions(options.provider, options.threads)
  }

  /** τ of every group of the layers, by their names: 'auto' looks at all models. */
  async decideThresholds(advance: Advance): Promise<Map<string, number[]>> {
    const decided = new Map<string, number[]>()
    const models = [...this.plan.models.keys()]
    await this.forEach(
      this.tasks,
      (task) => this.prepareJob(task, models, Array<'auto'>(task.layer.kind.groups).fill('auto')),
      async (task, prepared) => {
        if (prepared) this.keep(task, { models, prepared })
        const thresholds = prepared?.map(({ threshold }) => threshold) ?? (await this.decideHere(task))
        decided.set(task.layer.weight, thresholds)
        await advance(task)
      },
    )
    this.reader.checkUnchanged()
    return decided
  }

  /** Layers that `findOwnRows` has to look at. */
  get unknown(): LayerTask[] {
    const { plan, tasks, kept, options } = this
    return triesOwnRows(plan, options.provider) ? tasks.filter((task) => !kept.has(task)) : []
  }

  /** Finds the layers to which some of these models contribute nothing but their own rows. */
  async findOwnRows(
    models: readonly number[],
    thresholds: Contributions['thresholds'],
    advance: Advance,
  ): Promise<OwnRows> {
    const found = new Map<string, Map<number, RowValues>>()
    const take = (task: LayerTask, known: KnownLayer | null): void => {
      const own = known ? models.filter((model) => sumsOwnRows(task, known, model)) : []
      if (own.length === models.length) this.forget(task)
      else this.keep(task, known)
      if (own.length === 0) return
      const biases = readBiases(task, this.reader)
      found.set(task.layer.weight, new Map(own.map((model) => [model, ownRowValues(known!, model, biases)])))
    }
    const { unknown } = this
    for (const [task, known] of [...this.kept]) take(task, known)
    const taking = contributors(models)
    await this.forEach(
      unknown,
      (task) => this.prepareJob(task, taking, thresholds.get(task.layer.weight)!),
      async (task, prepared) => {
        take(task, prepared && { models: taking, prepared })
        await advance(task)
      },
    )
    this.reader.checkUnchanged()
    return found
  }

  /**
   * Computes the contributions of models, and writes them: whoever has the files commits them.
   * @param own what findOwnRows found: nothing is computed of that any more
   * @param advance also called with how many models' products were computed
   */
  async compute(
    models: readonly ModelWriter[],
    thresholds: Contributions['thresholds'],
    own: OwnRows,
    advance: (task: LayerTask, models: number) => Promise<void>,
  ): Promise<void> {
    for (const [weight, ofModels] of own)
      for (const { model, writer } of models) if (ofModels.has(model)) writer.writeRows(weight, ofModels.get(model)!)
    const writersOf = ({ layer }: LayerTask): ModelWriter[] =>
      models.filter(({ model }) => !own.get(layer.weight)?.has(model))
    await this.forEach(
      this.tasks.filter((task) => writersOf(task).length > 0),
      (task) => this.contributionJob(task, writersOf(task), thresholds.get(task.layer.weight)!),
      async (task, prepared, contributed) => {
        const { weight } = task.layer
        const writers = writersOf(task)
        for (const [index, { values, checksums }] of contributed?.entries() ?? []) {
          writers[index]!.writer.wroteDifferences(weight, checksums)
          writers[index]!.writer.writeRows(weight, values)
        }
        if (!contributed) await this.contributeHere(task, writers, thresholds.get(weight)!, prepared)
        this.forget(task)
        await advance(task, writers.length)
      },
    )
    this.reader.checkUnchanged()
  }

  async release(): Promise<void> {
    await this.sessions.release()
    this.reader.close()
  }

  private prepareJob(task: LayerTask, models: readonly number[], thresholds: readonly (number | 'auto')[]): PrepareJob {
    return { kind: 'prepare', task: withoutFiles(task), settings: this.plan.project.method, thresholds, models }
  }

  private contributionJob(
    task: LayerTask,
    writers: readonly ModelWriter[],
    thresholds: readonly number[],
  ): ContributionJob {
    const known = this.kept.get(task)
    const places = known && contributors(writers.map(({ model }) => model)).map((model) => known.models.indexOf(model))
    return {
      kind: 'contributions',
      task: withoutFiles(task),
      settings: this.plan.project.method,
      thresholds,
      prepared: places ? known.prepared.map((one) => pickModels(one, places)) : null,
      models: writers.map(({ model, writer }) => ({ model, target: writer.placeOf(task.layer.weight) })),
    }
  }

  /** Runs a job for every layer, one answer after the other; where threads can do nothing, the answers are empty. */
  private async forEach(
    tasks: readonly LayerTask[],
    jobOf: (task: LayerTask) => PrepareJob | ContributionJob,
    take: (task: LayerTask, ...answer: LayerAnswer) => Promise<void>,
  ): Promise<void> {
    const { plan, options } = this
    if (!triesOwnRows(plan, options.provider)) {
      for (const task of tasks) await take(task, null, null)
      return
    }
    const { workerFile = null, threads = availableParallelism(), signal } = options
    const pool: PoolOptions = { workerFile, threads, sources: sourcesOf(plan), ...(signal && { signal }) }
    const byJob = new Map(tasks.map((task) => [jobOf(task), task]))
    try {
      await runJobs([...byJob.keys()], pool, (job, { prepared, contributed }) => {
        this.whole = this.whole.then(() => take(byJob.get(job)!, prepared, contributed))
        return this.whole
      })
    } finally {
      await this.whole.catch(() => {}) // it was said already, and nothing may be written any more
    }
  }

  private keep(task: LayerTask, known: KnownLayer | null): void {
    const bytes = known ? bytesOf(known) : 0
    if (this.kept.has(task) || this.keptBytes + bytes > KEPT_BYTES) return
    this.keptBytes += bytes
    this.kept.set(task, known)
  }

  private forget(task: LayerTask): void {
    const known = this.kept.get(task)
    if (known) this.keptBytes -= bytesOf(known)
    this.kept.delete(task)
  }

  private async decideHere(task: LayerTask): Promise<number[]> {
    const groups = groupsOf(task.layer, viewInputs(task.views, this.reader), null)
    const fusionOf = this.fusionOf(task, groups[0]!, task.views.length)
    const thresholds: number[] = []
    for (const group of groups) thresholds.push(await fusionOf(group, 'auto').decideThreshold())
    return thresholds
  }

  /** @param prepared what is known of the groups already, for the base and these models */
  private async contributeHere(
    task: LayerTask,
    models: readonly ModelWriter[],
    thresholds: readonly number[],
    prepared: readonly SumSettings[] | null,
  ): Promise<void> {
    const taking = contributors(models.map(({ model }) => model))
    const groups = groupsOfModels(task, taking, this.reader)
    const { weight } = task.layer
    const { normaliser } = this.plan.project.method
    const fusionOf = this.fusionOf(task, groups[0]!, taking.length)
    const values = await writeContributions(
      groups,
      models.map(({ model, writer }) => ({
        model,
        write: (at, bytes) => writer.writeDifferences(weight, at, bytes),
      })),
      (group, index) => ({ fusion: fusionOf(group, thresholds[index]!), kernels: this.kernels() }),
      { normaliser, prepared },
      () => yieldOrCancel(this.options.signal),
    )
    models.forEach(({ writer }, index) => writer.writeRows(weight, values[index]!))
  }

  /** How the groups of a layer are merged, one after the other in the same memory. */
  private fusionOf(task: LayerTask, rows: LayerRows, models: number) {
    const { normaliser } = this.plan.project.method
    const samples = samplesFor(this.plan.project.method, task, rows, this.columns(), this.reader)
    const weights = Array<number>(models).fill(1)
    return (group: LayerRows, threshold: number | 'auto'): FusionLayer =>
      new FusionLayer(group, { normaliser, threshold, weights, samples }, this.sessions, this.kernels())
  }

  private columns(): PlanColumns | null {
    return PlanColumns.find(this.plan, this.options.hashes)
  }

  /** Large enough for every layer. */
  private kernels(): Kernels {
    return (this.madeKernels ??= this.makeKernels())
  }

  private makeKernels(): Kernels {
    const { reader, plan } = this
    const bytes = this.tasks.map((task) => {
      const [rows] = groupsOf(task.layer, viewInputs(task.views, reader), null)
      return fusionMemory(task, reader, plan.project.method, this.columns()) + differencesMemory(rows!)
    })
    return new Kernels(Math.max(...bytes))
  }
}

type LayerAnswer = [prepared: readonly SumSettings[] | null, contributed: ContributedLayer[] | null]

/** Of σ, P_i,own and products, of every model. */
function bytesOf({ prepared }: KnownLayer): number {
  const [F64, F32] = [BYTES_PER_ELEMENT.F64, BYTES_PER_ELEMENT.F32]
  const rows = prepared.flatMap(({ statistics }) => statistics.sigma).reduce((sum, { length }) => sum + length, 0)
  return rows * (2 * F64 + F32)
}
