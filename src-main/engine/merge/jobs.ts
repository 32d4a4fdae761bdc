import { mayBeInfinite } from '../checkpoint/model/extras'
import { countsPositions } from '../checkpoint/mergeable'
import { BYTES_PER_ELEMENT, elementCount } from '../tensor/element-type'
import type { MethodSettings } from '../../contract/document/project'
import type { OutputFile } from './plan/export/output-files'
import type { LayerTask, TensorTask } from './plan/merge-plan'
import type { ReweightedLayer } from './contributions/reweight'
import { isMergedWhole } from './chains/merged-work'
import { foldAdapters } from './jobs/fold-adapters'
import { writtenBytes } from './jobs/tensor-output'
import type { JobTarget, WritingJob } from './jobs/tensor-job'
import { mergesBlocks } from './methods/method'

/** Elements per sum job: small enough that a cancel answers at once, large enough that messages cost nothing. */
export const SUM_JOB_ELEMENTS = 4 * 1024 * 1024

/** A job and the bytes of the output that are final when it is done. */
export interface PlannedJob {
  job: WritingJob
  task: TensorTask | LayerTask | null
  file: OutputFile
  offset: number
}

/** Where the data of an output file lie from an offset on: OutputWriter for files. */
export interface JobPlaces {
  target(file: OutputFile, offset: number): { path: string; position: number }
}

/**
 * The jobs of a task, in the order of its elements.
 * @param sumElements of one sum, at most
 */
export function jobsOf(
  task: TensorTask,
  settings: MethodSettings,
  places: JobPlaces,
  sumElements = SUM_JOB_ELEMENTS,
): PlannedJob[] {
  const { views, weights, method, destination } = task
  const { file, elementType, scaled, offset, transposed, gain } = destination
  const [view] = views
  const count = elementCount(view!.shape)
  const size = BYTES_PER_ELEMENT[elementType]
  const target: JobTarget = { ...places.target(file, offset), elementType, scaled, transposed, gain }
  const byteLength = writtenBytes(destination, count)
  if (countsPositions(view!)) return [{ job: { kind: 'count', target, byteLength }, task, file, offset }]
  const isAsStored =
    view!.stored.elementType === elementType && view!.transposed === transposed && !scaled && gain === 1
  if (views.length === 1 && isAsStored) {
    const { stored, start, name } = view!
    const job: WritingJob = { kind: 'copy', stored, start, name, mayBeInfinite: false, target, byteLength }
    return [{ job, task, file, offset }]
  }
  if (mergesBlocks(method)) {
    const job: WritingJob = { kind: 'elementwise', views, method: method.name, settings, weights, target, byteLength }
    return [{ job, task, file, offset }]
  }
  const folded = foldAdapters(views, method.combine(weights, settings))
  const step = transposed || scaled || views.some(isMergedWhole) ? count : Math.min(count, sumElements)
  return Array.from({ length: Math.ceil(count / step) }, (_, index) => {
    const start = index * step
    const length = Math.min(step, count - start)
    const at = { ...target, position: target.position + start * size }
    const job: WritingJob = {
      kind: 'sum',
      ...folded,
      start,
      count: length,
      target: at,
      byteLength: writtenBytes(destination, length),
    }
    return { job, task, file, offset: offset + start * size }
  })
}

/** The jobs of a re-weighted layer's weight, in the order of its rows. */
export function reweightJobs(
  task: LayerTask,
  { views, combination }: Pick<ReweightedLayer, 'views' | 'combination'>,
  places: JobPlaces,
): PlannedJob[] {
  const { file, elementType, scaled, offset, transposed, gain } = task.destination
  const { rowLength, coefficients } = combination
  const rows = views[0]!.shape[0]!
  const size = BYTES_PER_ELEMENT[elementType]
  const target: JobTarget = {
    ...places.target(file, offset),
    elementType,
    scaled,
    transposed: transposed !== task.layer.kind.transposedConvolution,
    gain,
  }
  const step = target.transposed || scaled ? rows : Math.max(1, Math.floor(SUM_JOB_ELEMENTS / rowLength))
  return Array.from({ length: Math.ceil(rows / step) }, (_, index) => {
    const firstRow = index * step
    const count = Math.min(step, rows - firstRow)
    const at = firstRow * rowLength * size
    const job: WritingJob = {
      kind: 'sum',
      views,
      combination: {
        rowLength,
        firstRow,
        coefficients: coefficients.map((all) => all && all.slice(firstRow, firstRow + count)),
      },
      start: firstRow * rowLength,
      count: count * rowLength,
      target: { ...target, position: target.position + at },
      byteLength: writtenBytes(task.destination, count * rowLength),
    }
    return { job, task, file, offset: offset + at }
  })
}

/** The job that copies what the base's files hold beside its components. */
export function extraJob(
  file: OutputFile,
  { stored, target: { offset, elementType, byteLength } }: OutputFile['extras'][number],
  places: JobPlaces,
): PlannedJob {
  const target: JobTarget = { ...places.target(file, offset), elementType, scaled: false, transposed: false, gain: 1 }
  const copied = { stored, start: 0, name: stored.name, mayBeInfinite: mayBeInfinite(stored) }
  return { job: { kind: 'copy', ...copied, target, byteLength }, task: null, file, offset }
}
