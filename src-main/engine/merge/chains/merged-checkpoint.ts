import { describedMetadata } from '../plan/export/described-metadata'
import { join } from 'node:path'
import { FusionError } from '../../../contract/errors'
import { isFolderLayout, type OutputFile, type OutputTensor, tensorKey } from '../plan/export/output-files'
import type { MergedPart, SourceFile, StoredTensor } from '../../checkpoint/containers/container'
import type { Component, Layout, TensorView } from '../../checkpoint/model/checkpoint'
import { BYTES_PER_ELEMENT, elementCount } from '../../tensor/element-type'
import { digest } from '../../files/kept/digest'
import { extraJob, jobsOf, type JobPlaces } from '../jobs'
import type { WritingJob } from '../jobs/tensor-job'
import { writtenBytes } from '../jobs/tensor-output'
import { sourcesOf, type LayerTask, type MergedCheckpoint, type MergePlan } from '../plan/merge-plan'
import { inheritedMetadata } from '../plan/recipe'
import type { MergedWork } from './merged-work'

/** Bytes of an output file and the work that computes them. */
interface Run {
  offset: number
  byteLength: number
  result: number
  work: MergedWork
  /** Distinguishes the work from all other of the file. */
  name: string
}

/**
 * What a merge would write, as the checkpoint that opening the written file would give: every tensor has the name, the
 * element type and the values that it would have there, and is computed when it is read.
 *
 * @param file the project
 * @throws FusionError 'unsupported' for a merge that cannot be computed tensor by tensor
 */
export function mergedCheckpoint(plan: MergePlan, file: SourceFile): MergedCheckpoint {
  refuseWhole(plan, file.path)
  const { base, output, project } = plan
  const sources = sourcesOf(plan)
  const key = digest([file, sources])
  const tensors = new Map(
    output.files.map((one) => {
      const runs = runsOf(plan, one)
      const path = join(file.path, one.path)
      return [one, one.tensors.map((tensor) => storedTensor(tensor, runs, path, `${key} ${one.path}`))] as const
    }),
  )
  const used = new Set<StoredTensor>()
  const components = [...base.components].flatMap(([name, component]): [typeof name, Component][] => {
    const views = [...component.tensors.values()].flatMap((view): [string, TensorView][] => {
      const destination = output.destinations.get(tensorKey(name, view.name))
      if (!destination) return []
      const { file: own, offset, transposed, scaled } = destination
      const index = own.tensors.findIndex((one) => offset >= one.offset && offset < one.offset + one.byteLength)
      const tensor = own.tensors[index]!
      const codes = tensors.get(own)![index]!
      used.add(codes)
      const stored = scaled ? scaledTensor(codes, tensors.get(own)![index + 1]!, used) : codes
      const start = (offset - tensor.offset) / BYTES_PER_ELEMENT[tensor.elementType]
      return [[view.name, { name: view.name, shape: view.shape, stored, start, transposed }]]
    })
    return views.length > 0 ? [[name, { ...component, tensors: new Map(views) }]] : []
  })
  const zeros = new Set(output.files.flatMap((one) => one.zeros.map(({ name }) => name)))
  return {
    ...base,
    path: file.path,
    layout: layoutOf(plan),
    components: new Map(components),
    extras: [...tensors.values()].flat().filter((tensor) => !used.has(tensor) && !zeros.has(tensor.name)),
    files: [file, ...sources],
    metadata: {
      ...inheritedMetadata(base.metadata),
      ...describedMetadata(project.output),
    },
    problems: plan.warnings.map((message) => ({ severity: 'warning', message: `In ${file.path}: ${message}` })),
    emaCopies: 0,
    usesEma: false,
    plan,
  }
}

/** @throws FusionError 'unsupported' */
function refuseWhole({ method, calibration, project }: MergePlan, path: string): void {
  const hint = 'Write this merge first, and use the file that it gives.'
  if (calibration) {
    const what = method.kind === 'fusion' ? 'A merge with calibrated statistics' : method.title
    throw new FusionError('unsupported', `${path}: ${what} cannot be computed while another merge reads it.`, { hint })
  }
  if (method.kind === 'fusion' && project.method.reuse)
    throw new FusionError(
      'unsupported',
      `${path}: a merge from kept contributions cannot be computed while another merge reads it.`,
      { hint: `${hint} Or turn off keeping contributions (reuse) in it.` },
    )
}

/** How a file that the merge wrote would be opened. */
function layoutOf({ base, output, project }: MergePlan): Layout {
  if (output.folder) return base.layout === 'diffusers-component' ? 'diffusers-component' : 'diffusers-pipeline'
  return project.output.layout === 'same' && !isFolderLayout(base, 'same') ? base.layout : 'single-file'
}

const PLACES: JobPlaces = { target: (_file, offset) => ({ path: '', position: offset }) }

/** The work behind the bytes of a file, in their order. */
function runsOf({ tasks, project }: MergePlan, file: OutputFile): Run[] {
  const runs = tasks.flatMap((task): Run[] => {
    if (task.kind === 'layer') return layerRuns(task, project.method, file)
    if (task.destination.file !== file) return []
    return jobsOf(task, project.method, PLACES, Infinity).map(jobRun)
  })
  const extras = file.extras.map((extra) => jobRun(extraJob(file, extra, PLACES)))
  return [...runs, ...extras].sort((one, other) => one.offset - other.offset)
}

function jobRun({ job, offset }: { job: WritingJob; offset: number }): Run {
  return { offset, byteLength: job.byteLength, result: 0, work: job, name: String(offset) }
}

function layerRuns(task: LayerTask, settings: MergePlan['project']['method'], file: OutputFile): Run[] {
  const { destination, biasDestination, layer, component, biasViews } = task
  const weightBytes = writtenBytes(destination, elementCount(layer.shape))
  const biasBytes = biasDestination ? writtenBytes(biasDestination, elementCount(biasViews![0]!.shape)) : 0
  // The other tensors of the file are no part of the work, which is sent to threads.
  const alone: OutputFile = { path: '', tensors: [], extras: [], zeros: [], dataBytes: 0 }
  const work: MergedWork = {
    kind: 'layer',
    task: {
      ...task,
      destination: { ...destination, file: alone },
      biasDestination: biasDestination && { ...biasDestination, file: alone },
    },
    settings,
    weightBytes,
    biasBytes,
  }
  const name = tensorKey(component, layer.weight)
  const runs: Run[] = []
  if (destination.file === file)
    runs.push({ offset: destination.offset, byteLength: weightBytes, result: 0, work, name })
  if (biasDestination?.file === file)
    runs.push({ offset: biasDestination.offset, byteLength: biasBytes, result: 1, work, name })
  return runs
}

/** @param runs of the tensor's file, in the order of their offsets @param key of the file */
function storedTensor(tensor: OutputTensor, runs: readonly Run[], path: string, key: string): StoredTensor {
  const { name, elementType, shape, byteLength, offset } = tensor
  const parts = runs
    .filter((run) => run.offset < offset + byteLength && run.offset + run.byteLength > offset)
    .map((run): MergedPart => ({
      key: `${key} ${run.name}`,
      offset: run.offset - offset,
      byteLength: run.byteLength,
      result: run.result,
      work: run.work,
    }))
  return { name, elementType, shape, path, offset, byteLength, merged: { parts } }
}

/** Codes with their scale, as a file with both is read (containers/derived/scaled-weights.ts). */
function scaledTensor(codes: StoredTensor, scale: StoredTensor, used: Set<StoredTensor>): StoredTensor {
  used.add(scale)
  const { name, shape, path, offset } = codes
  return {
    name,
    elementType: 'F32',
    shape,
    path,
    offset,
    byteLength: 4 * elementCount(shape),
    scaled: { codes, scale },
  }
}
