import { availableParallelism } from 'node:os'
import { FusionError } from '../../contract/errors'
import { reweightingOf } from '../../contract/methods/descriptor'
import { TensorReader } from '../checkpoint/containers/tensor-reader'
import { elementCount } from '../tensor/element-type'
import type { RowCombination } from '../tensor/weighted-sum'
import { Blocks } from './plan/blocks'
import type { Contributions } from './contributions/contribution-file'
import { runJobs } from './job-pool'
import { SUM_JOB_ELEMENTS } from './jobs'
import { sourcesOf, type MergePlan, type TensorTask } from './plan/merge-plan'
import { reweightLayer } from './contributions/reweight'
import { readBiases } from './jobs/layer-inputs'
import type { MeasureJob } from './jobs/tensor-job'

/** How far one merge is from another: Frobenius lengths, ‖with − without‖ and the same over ‖with‖. */
export interface Change {
  length: number
  /** 0 where both merges are 0 throughout. */
  relative: number
}

export interface TensorChange extends Change {
  /** Name in diffusers' form. */
  tensor: string
  block: string
  parameters: number
}

/** What dropping a model takes out of a merge. */
export interface UnlearningReport {
  /** Of every tensor that is merged, in the order of the file. */
  tensors: TensorChange[]
  /** Summed over blocks, in network order. */
  blocks: (Change & { block: string })[]
  total: Change
}

export interface UnlearningOptions {
  /** The built tensor-worker; without it sums run on the calling thread. */
  workerFile?: URL | null
  threads?: number
  signal?: AbortSignal
  onProgress?: (fraction: number) => void
}

/** Squared lengths of a tensor with a model, and of what dropping the model changes. */
interface Lengths {
  whole: number
  change: number
}

/** A tensor to measure and the sums that do it. */
interface Measured {
  task: MergePlan['tasks'][number]
  jobs: MeasureJob[]
  /** Biases of layers are known without a job. */
  bias: Lengths | null
}

/**
 * Measures how two weightings of the same models differ, tensor by tensor, as sums of one difference each: nothing is
 * merged or written.
 * @param before the merge with the model
 * @param after the merge without it; it may lack models that `before` has
 * @param contributions of the models of `before`, where it merges by correlations (ensureContributions)
 * @returns null for methods that are no sums
 * @throws FusionError 'not-finite', 'source-changed', 'cancelled'
 */
export async function unlearningReport(
  before: MergePlan,
  after: MergePlan,
  contributions: Contributions | null,
  { workerFile = null, threads = availableParallelism(), signal, onProgress }: UnlearningOptions = {},
): Promise<UnlearningReport | null> {
  if (reweightingOf(before.method) === 'merge') return null
  const measured = measurementsOf(before, after, contributions)
  const jobs = measured.flatMap((each) => each.jobs)
  const total = jobs.reduce((sum, { count }) => sum + count, 0)
  const lengths = new Map(jobs.map((job) => [job, { whole: 0, change: 0 }]))
  let done = 0
  const pool = { workerFile, threads, sources: sourcesOf(before), ...(signal && { signal }) }
  await runJobs(jobs, pool, (job, { squaredNorms: [whole, change] }) => {
    lengths.set(job, { whole: whole!, change: change! })
    done += job.count
    onProgress?.(done / total)
  })
  return summarise(before, measured, lengths)
}

function measurementsOf(before: MergePlan, after: MergePlan, contributions: Contributions | null): Measured[] {
  const places = before.models.map(({ entry }) => after.models.findIndex((model) => model.entry.name === entry.name))
  const reader = new TensorReader(sourcesOf(before))
  try {
    return before.tasks.flatMap((task, index): Measured[] => {
      const other = after.tasks[index]!
      if (task.kind === 'layer' && other.kind === 'layer') {
        if (!contributions) throw new FusionError('internal', 'A merge by correlations needs contributions.')
        const biases = readBiases(task, reader)
        const [whole, rest] = [task, other].map((each) =>
          reweightLayer(each, contributions, before.project.method, biases),
        ) as [ReturnType<typeof reweightLayer>, ReturnType<typeof reweightLayer>]
        const bias = whole.bias && rest.bias && biasLengths(whole.bias, rest.bias)
        return [{ task, jobs: jobsOf(whole.views, whole.combination, rest.combination), bias }]
      }
      if (task.kind !== 'tensor' || other.kind !== 'tensor' || task.views.length === 1) return []
      const whole = rowOf(task, before, (model) => model)
      const rest = rowOf(other, after, (model) => places[model]!, places.length)
      return [{ task, jobs: jobsOf(task.views, whole, rest), bias: null }]
    })
  } finally {
    reader.close()
  }
}

/** A linear task as a combination of one row. @param placeOf where a model of the row stands in the task; −1: nowhere */
function rowOf(
  { weights, views, method }: TensorTask,
  { project }: MergePlan,
  placeOf: (model: number) => number,
  models = views.length,
): RowCombination {
  if (method.kind !== 'linear') throw new FusionError('internal', `${method.title} is not a linear combination.`)
  // A tensor whose other models have all been dropped is the base's.
  const { coefficients, divisor } =
    views.length === 1 ? { coefficients: [1], divisor: 1 } : method.combine(weights, project.method)
  const share = (model: number): number => (coefficients[placeOf(model)] ?? 0) / divisor
  return {
    rowLength: elementCount(views[0]!.shape),
    firstRow: 0,
    coefficients: Array.from({ length: models }, (_, model) => Float64Array.of(share(model))),
  }
}

/** a − b. */
function difference(a: RowCombination, b: RowCombination): RowCombination {
  const coefficients = a.coefficients.map((own, model) => {
    const others = b.coefficients[model]
    if (!others) return own
    return others.map((value, row) => (own?.[row] ?? 0) - value)
  })
  return { ...a, coefficients }
}

/** Jobs of whole rows where rows are many, of parts where there is one. */
function jobsOf(views: MeasureJob['views'], whole: RowCombination, rest: RowCombination): MeasureJob[] {
  const { rowLength } = whole
  const change = difference(whole, rest)
  const count = elementCount(views[0]!.shape)
  const step =
    rowLength === count ? SUM_JOB_ELEMENTS : Math.max(1, Math.floor(SUM_JOB_ELEMENTS / rowLength)) * rowLength
  return Array.from({ length: Math.ceil(count / step) }, (_, index) => {
    const start = index * step
    const length = Math.min(step, count - start)
    const firstRow = Math.floor(start / rowLength)
    const lastRow = Math.floor((start + length - 1) / rowLength)
    const cut = ({ coefficients }: RowCombination): RowCombination => ({
      rowLength,
      firstRow,
      coefficients: coefficients.map((all) => all && all.slice(firstRow, lastRow + 1)),
    })
    return { kind: 'measure', views, combinations: [cut(whole), cut(change)], start, count: length }
  })
}

function biasLengths(whole: Float64Array, rest: Float64Array): Lengths {
  return {
    whole: whole.reduce((sum, value) => sum + value ** 2, 0),
    change: whole.reduce((sum, value, row) => sum + (value - rest[row]!) ** 2, 0),
  }
}

function summarise(
  { base, blocks }: MergePlan,
  measured: readonly Measured[],
  lengths: ReadonlyMap<MeasureJob, Lengths>,
): UnlearningReport {
  const unet = Blocks.of(base)
  const byBlock = new Map<string, Lengths[]>(blocks.map((block) => [block, []]))
  const tensors = measured.flatMap(({ task, jobs, bias }): TensorChange[] => {
    const block = unet.blockOf(task.component, task.name)
    const entry = (tensor: string, shape: readonly number[], own: Lengths): TensorChange => {
      byBlock.set(block, [...(byBlock.get(block) ?? []), own])
      return { tensor, block, parameters: elementCount(shape), ...changeOf(own) }
    }
    const weight = entry(task.name, task.views[0]!.shape, sumOf(jobs.map((job) => lengths.get(job)!)))
    if (!bias || task.kind === 'tensor') return [weight]
    return [weight, entry(task.layer.bias!, task.biasViews![0]!.shape, bias)]
  })
  const summed = [...byBlock].filter(([, own]) => own.length > 0).map(([block, own]) => [block, sumOf(own)] as const)
  return {
    tensors,
    blocks: summed.map(([block, own]) => ({ block, ...changeOf(own) })),
    total: changeOf(sumOf(summed.map(([, own]) => own))),
  }
}

function sumOf(parts: readonly Lengths[]): Lengths {
  return parts.reduce((sum, { whole, change }) => ({ whole: sum.whole + whole, change: sum.change + change }), {
    whole: 0,
    change: 0,
  })
}

function changeOf({ whole, change }: Lengths): Change {
  const length = Math.sqrt(change)
  return { length, relative: whole > 0 ? length / Math.sqrt(whole) : length > 0 ? Infinity : 0 }
}
