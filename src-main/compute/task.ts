import type { ComputeEvent } from '../contract/protocol/compute'
import type { ResultOf, TaskName, TaskOf } from '../contract/protocol/compute-tasks'

/** What a running task may use. */
export interface TaskContext {
  signal: AbortSignal
  emit(event: ComputeEvent): void
  /** The built tensor-worker. */
  workerFile: URL
  /** The bundled CLIP table, for single files. */
  clipVocabulary: string
}

export type TaskRunner<Name extends TaskName> = (task: TaskOf<Name>, context: TaskContext) => Promise<ResultOf<Name>>

/** Emits the progress of a phase as a part of the whole task. */
export function phaseProgress(
  { emit }: TaskContext,
  parts: Readonly<Record<string, readonly [from: number, to: number]>>,
): (phase: string, fraction: number) => void {
  return (phase, fraction) => {
    const [from, to] = parts[phase] ?? [0, 1]
    emit({ type: 'progress', phase, fraction: from + (to - from) * fraction })
  }
}

/** Contexts of the equal parts of a task, in which several may run at a time; their progress is that of the whole task. */
export function contextsOfParts(context: TaskContext, count: number): TaskContext[] {
  const fractions = Array.from({ length: count }, () => 0)
  return fractions.map((_, index) => ({
    ...context,
    emit(event) {
      if (event.type !== 'progress') return context.emit(event)
      fractions[index] = event.fraction
      context.emit({ ...event, fraction: fractions.reduce((sum, fraction) => sum + fraction) / count })
    },
  }))
}
