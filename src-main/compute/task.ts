import type { ComputeNews, ComputeResultOf, ComputeTask } from '../contract/compute'

export type TaskOf<Type extends ComputeTask['type']> = Extract<ComputeTask, { type: Type }>

/** What a running task may use. */
export interface TaskContext {
  signal: AbortSignal
  tell(news: ComputeNews): void
  /** The built tensor-worker. */
  workerFile: URL
  /** The bundled CLIP table, for single files. */
  clipVocabulary: string
}

export type TaskRunner<Type extends ComputeTask['type']> = (
  task: TaskOf<Type>,
  context: TaskContext,
) => Promise<ComputeResultOf<TaskOf<Type>>>

/** Tells the progress of a phase as a part of the whole task. */
export function phaseProgress(
  { tell }: TaskContext,
  parts: Readonly<Record<string, readonly [from: number, to: number]>>,
): (phase: string, fraction: number) => void {
  return (phase, fraction) => {
    const [from, to] = parts[phase] ?? [0, 1]
    tell({ type: 'progress', phase, fraction: from + (to - from) * fraction })
  }
}
