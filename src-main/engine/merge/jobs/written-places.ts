import { elementCount } from '../../tensor/element-type'
import type { MergeWork } from '../plan/merge-work'
import type { LayerTask, TensorTask } from '../plan/merge-plan'
import type { OutputFile } from '../plan/export/output-files'
import { writtenBytes } from './tensor-output'

/** Bytes of an output file's data that a part of a merge writes. */
export interface WrittenPlace {
  file: OutputFile
  offset: number
  byteLength: number
}

/** The bytes of a tensor; of a layer those of its weight, and of its bias. */
export function placesOfTask(task: TensorTask | LayerTask): WrittenPlace[] {
  const { destination, views } = task
  const shape = task.kind === 'layer' ? task.layer.shape : views[0]!.shape
  const weight = { ...destination, byteLength: writtenBytes(destination, elementCount(shape)) }
  if (task.kind === 'tensor' || !task.biasDestination) return [weight]
  const { biasDestination, biasViews } = task
  return [weight, { ...biasDestination, byteLength: writtenBytes(biasDestination, elementCount(biasViews![0]!.shape)) }]
}

/** The bytes that some work writes; none of empty tensors. */
export function placesOfWork({ tasks, extras }: MergeWork): WrittenPlace[] {
  const copied = extras.map(({ file, extra: { target } }) => ({ ...target, file }))
  return [...tasks.flatMap(placesOfTask), ...copied].filter(({ byteLength }) => byteLength > 0)
}
