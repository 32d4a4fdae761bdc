import type { LayerTask, MergePlan, TensorTask } from './merge-plan'
import type { OutputFile } from './export/output-files'

/** What of a merge is done. */
export interface MergeWork {
  tasks: readonly (TensorTask | LayerTask)[]
  /** What is copied from the base's files beside its components. */
  extras: readonly { file: OutputFile; extra: OutputFile['extras'][number] }[]
}

/** All of a merge. */
export function wholeWork({ tasks, output }: MergePlan): MergeWork {
  return { tasks, extras: output.files.flatMap((file) => file.extras.map((extra) => ({ file, extra }))) }
}
