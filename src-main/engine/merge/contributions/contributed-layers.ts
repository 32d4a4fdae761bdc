import { availableParallelism } from 'node:os'
import { yieldOrCancel } from '../../cancel'
import { TensorReader } from '../../checkpoint/containers/tensor-reader'
import type { Provider } from '../../runtime/session'
import { BYTES_PER_ELEMENT } from '../../tensor/element-type'
import { Kernels } from '../../tensor/kernels'
import { FusionLayer } from '../fusion/fusion-layer'
import type { LayerRows } from '../fusion/layer-rows'
import type { SumSettings } from '../fusion/layer-sums'
import { FusionSessions } from '../fusion/statistics'
import { runJobs, type PoolOptions } from '../job-pool'
import { fusionMemory, groupsOf, samplesFor } from '../jobs/layer-inputs'
import { viewInputs } from '../jobs/view-inputs'
import { triesOwnRows, type ContributedLayer, type ContributionJob, type PrepareJob } from '../layer-job'
import { sourcesOf, withoutFiles, type LayerTask, type MergePlan } from '../plan/merge-plan'
import { PlanColumns } from '../plan/plan-columns'
import type { ContributionWriter, Contributions } from './contribution-file'
import { contributors, groupsOfModels, writeContributions } from './layer-contributions'
import { differencesMemory } from './layer-differences'

/** What is kept of layers between deciding their thresholds and summing their rows; the rest is found once more. */
const KEPT_BYTES = 64e6

/** A model whose contributions are computed, and the file that they go to. */
export interface ModelWriter {
  model: number
  writer: ContributionWriter
}

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
  private readonly reader: TensorReader
  private readonly sessions: FusionSessions
  private readonly kept = new Map<LayerTask, SumSettings[]>()
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

  /** τ of every group of the layers, by their names. */
  async decideThresholds(advance: Advance): Promise<Map<string, number[]>> {
    const decided = new Map<string, number[]>()
    const { method: settings } = this.plan.project
    await this.forEach(
      (task): PrepareJob => ({ kind: 'prepare', task: withoutFiles(task), settings }),
      async (task, prepared) => {
        if (prepared) this.keep(task, prepared)
        const thresholds = prepared?.map(({ threshold }) => threshold) ?? (await this.decideHere(task))
        decided.set(task.layer.weight, thresholds)
        await advance(task)
      },
    )
    this.reader.checkUnchanged()
    return decided
  }

  /** Computes the contributions of models, and writes them: whoever has the files commits them. */
  async compute(
    models: readonly ModelWriter[],
    thresholds: Contributions['thresholds'],
    advance: Advance,
  ): Promise<void> {
    const { method: settings } = this.plan.project
    const jobOf = (task: LayerTask): ContributionJob => ({
      kind: 'contributions',
      task: withoutFiles(task),
      settings,
      thresholds: thresholds.get(task.layer.weight)!,
      prepared: this.kept.get(task) ?? null,
      models: models.map(({ model, writer }) => ({ model, target: writer.placeOf(task.layer.weight) })),
    })
    await this.forEach(jobOf, async (task, prepared, contributed) => {
      const { weight } = task.layer
      for (const [index, { values, checksums }] of contributed?.entries() ?? []) {
        models[index]!.writer.wroteDifferences(weight, checksums)
        models[index]!.writer.writeRows(weight, values)
      }
      if (!contributed) await this.contributeHere(task, models, thresholds.get(weight)!, prepared)
      this.kept.delete(task)
      await advance(task)
    })
    this.reader.checkUnchanged()
  }

  async release(): Promise<void> {
    await this.sessions.release()
    this.reader.close()
  }

  /** Runs a job for every layer, one answer after the other; where threads can do nothing, the answers are empty. */
  private async forEach(
    jobOf: (task: LayerTask) => PrepareJob | ContributionJob,
    take: (task: LayerTask, ...answer: LayerAnswer) => Promise<void>,
  ): Promise<void> {
    const { plan, tasks, options } = this
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

  private keep(task: LayerTask, prepared: SumSettings[]): void {
    const bytes = prepared.reduce((sum, { statistics: { sigma } }) => sum + statisticsBytes(sigma), 0)
    if (this.keptBytes + bytes > KEPT_BYTES) return
    this.keptBytes += bytes
    this.kept.set(task, prepared)
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

type LayerAnswer = [prepared: SumSettings[] | null, contributed: ContributedLayer[] | null]

/** Bytes of what is known of rows: σ, P_i,own and products, of every model. */
function statisticsBytes(sigma: readonly Float64Array[]): number {
  const [F64, F32] = [BYTES_PER_ELEMENT.F64, BYTES_PER_ELEMENT.F32]
  return sigma.reduce((sum, { length }) => sum + length * (2 * F64 + F32), 0)
}
