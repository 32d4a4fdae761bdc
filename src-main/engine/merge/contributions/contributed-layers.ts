import { availableParallelism } from 'node:os'
import { yieldOrCancel } from '../../cancel'
import { TensorReader } from '../../checkpoint/containers/tensor-reader'
import type { Provider } from '../../runtime/session'
import { BYTES_PER_ELEMENT } from '../../tensor/element-type'
import { FloatEncoder } from '../../tensor/float-encoder'
import { Kernels } from '../../tensor/kernels'
import { FusionLayer } from '../fusion/fusion-layer'
import type { LayerRows } from '../fusion/layer-rows'
import type { SumSettings } from '../fusion/layer-sums'
import { FusionSessions } from '../fusion/statistics'
import { runJobs, type PoolOptions } from '../job-pool'
import { fusionMemory, groupsOf, readBiases, samplesFor } from '../jobs/layer-inputs'
import { viewInputs } from '../jobs/view-inputs'
import { contributors, triesOwnRows, type ContributedLayer, type ContributionJob, type PrepareJob } from '../layer-job'
import { sourcesOf, withoutFiles, type LayerTask, type MergePlan } from '../plan/merge-plan'
import { PlanColumns } from '../plan/plan-columns'
import { emptyRowValues, type ContributionWriter, type Contributions } from './contribution-file'
import { differencesMemory, writeDifferences } from './layer-differences'

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
  private tools: { kernels: Kernels; encoder: FloatEncoder } | undefined
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
    const { rows, fusionOf } = this.open(task, task.views, null)
    const thresholds: number[] = []
    for (const group of rows) thresholds.push(await fusionOf(group, 'auto').decideThreshold())
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
    const pick = <T>(all: readonly T[]): T[] => taking.map((model) => all[model]!)
    const biases = readBiases({ biasViews: task.biasViews && pick(task.biasViews) }, this.reader)
    const { rows, fusionOf } = this.open(task, pick(task.views), biases)
    const written = models.map(({ model, writer }) => ({
      place: taking.indexOf(model),
      writer,
      values: emptyRowValues(rows.reduce((sum, group) => sum + group.rows, 0)),
    }))
    const { weight } = task.layer
    for (const [index, group] of rows.entries()) {
      const first = index * group.rows
      const start = first * group.inputs * BYTES_PER_ELEMENT.F16
      const known = prepared?.[index]
      await writeDifferences(
        { rows: group, fusion: fusionOf(group, thresholds[index]!), ...this.tools! },
        written.map(({ place, writer, values }) => ({
          model: place,
          values,
          write: (at, bytes) => writer.writeDifferences(weight, start + at, bytes),
        })),
        { normaliser: this.plan.project.method.normaliser, first, ...(known && { prepared: known }) },
        () => yieldOrCancel(this.options.signal),
      )
    }
    for (const { writer, values } of written) writer.writeRows(weight, values)
  }

  /** The groups of a layer for the models of `views`, one after the other to be worked on in the same memory. */
  private open(task: LayerTask, views: LayerTask['views'], biases: Float64Array[] | null) {
    const { kernels } = (this.tools ??= this.makeTools())
    const settings = this.plan.project.method
    const rows = groupsOf(task.layer, viewInputs(views, this.reader), biases)
    const weights = views.map(() => 1)
    const samples = samplesFor(settings, task, rows[0]!, this.columns(), this.reader)
    const fusionOf = (group: LayerRows, threshold: number | 'auto'): FusionLayer => {
      const options = { normaliser: settings.normaliser, threshold, weights, samples }
      return new FusionLayer(group, options, this.sessions, kernels)
    }
    return { rows, fusionOf }
  }

  private columns(): PlanColumns | null {
    return PlanColumns.find(this.plan, this.options.hashes)
  }

  /** Large enough for every layer. */
  private makeTools(): { kernels: Kernels; encoder: FloatEncoder } {
    const { reader, plan } = this
    const bytes = this.tasks.map((task) => {
      const [rows] = groupsOf(task.layer, viewInputs(task.views, reader), null)
      return fusionMemory(task, reader, plan.project.method, this.columns()) + differencesMemory(rows!)
    })
    return { kernels: new Kernels(Math.max(...bytes)), encoder: new FloatEncoder() }
  }
}

type LayerAnswer = [prepared: SumSettings[] | null, contributed: ContributedLayer[] | null]

/** Bytes of what is known of rows: σ, P_i,own and products, of every model. */
function statisticsBytes(sigma: readonly Float64Array[]): number {
  const [F64, F32] = [BYTES_PER_ELEMENT.F64, BYTES_PER_ELEMENT.F32]
  return sigma.reduce((sum, { length }) => sum + length * (2 * F64 + F32), 0)
}
