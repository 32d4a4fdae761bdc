import { availableParallelism } from 'node:os'
import type { TaskOf } from '../contract/protocol/compute-tasks'
import type { Pipeline } from '../engine/diffusion/pipeline'
import { linkLimit } from '../engine/files/reading/links'
import type { Tensor } from '../engine/runtime/session'
import { drawPictures, type PreviewPicture } from './draw-pictures'
import { DrawingThread } from './drawing-thread'
import type { LiveModel } from './live-model'
import type { TaskContext } from './task'

/** Bytes of all weights of a model up to which every thread may hold them once more. */
const SMALL_MODEL_BYTES = 64e6
/** One thread sums the weights for all: more threads than these would wait for it. */
const MOST_THREADS = 3
/** A thread loads the networks as long as it draws one or two merges. */
const MERGES_PER_THREAD = 4
/** The merge that a thread draws, and the next, so that it need not wait. */
const HELD_MERGES = 2

/** A network with the weights of a model. */
export interface ReadyModel {
  pipeline: Pipeline
  /** What a thread needs to draw the same; null where the weights were not fed. */
  fed: { model: LiveModel; weights: Readonly<Record<string, Tensor>> } | null
}

interface DrawingEvents {
  onProgress: (fraction: number) => void
  /** @param seconds that it took, divided among all that draw side by side */
  onDrawn: (seconds: number) => void
}

/**
 * Draws merges here and, where the model is small, on threads with networks of their own. A small network has too little
 * work for several threads in one operator; a picture on every thread keeps them busy. Pictures are the same bytes
 * whoever draws them.
 */
export class SideBySide {
  /** The task's; cancelled as well when a thread fails. */
  readonly context: TaskContext
  private readonly stop = new AbortController()
  private readonly drawings: Promise<void>[] = []
  private threads: { key: string; all: DrawingThread[] } | null = null

  /** @param merges models that the task draws */
  constructor(
    private readonly merges: number,
    private readonly device: TaskOf<'preview'>['device'],
    context: TaskContext,
  ) {
    this.context = { ...context, signal: AbortSignal.any([context.signal, this.stop.signal]) }
  }

  /**
   * Runs a task that calls `draw`, and ends when all is drawn and the threads are gone.
   * @throws what the task or a thread throws first
   */
  async run(task: () => Promise<void>): Promise<void> {
    try {
      await task()
      await Promise.all(this.drawings)
    } catch (error) {
      // What a thread threw before has cancelled the task: that is the cause, and the first reason stays.
      this.stop.abort(error)
      throw this.stop.signal.reason
    } finally {
      await Promise.allSettled(this.drawings)
      await Promise.all(this.threads?.all.map((thread) => thread.end()) ?? [])
    }
  }

  /** Draws pictures of a model, or gives them to a thread: either way the network may be changed afterwards. */
  async draw(
    { pipeline, fed }: ReadyModel,
    pictures: readonly PreviewPicture[],
    context: TaskContext,
    { onProgress, onDrawn }: DrawingEvents,
  ): Promise<void> {
    const threads = fed ? this.threadsFor(pipeline, fed.model) : []
    const least = threads.toSorted((a, b) => a.held - b.held)[0]
    const told = (seconds: number): void => onDrawn(seconds / (threads.length + 1))
    if (fed && least && least.held < HELD_MERGES) {
      const drawing = least.draw(fed.weights, pictures, context, onProgress).then(told)
      drawing.catch((error: unknown) => this.stop.abort(error))
      this.drawings.push(drawing)
      return
    }
    const started = performance.now()
    await drawPictures(pipeline, pictures, context, onProgress)
    told((performance.now() - started) / 1000)
  }

  /** Those of the first model that was fed: started now, or none where they do not pay, or for another model. */
  private threadsFor(pipeline: Pipeline, model: LiveModel): DrawingThread[] {
    const key = JSON.stringify(model)
    if (!this.threads) {
      const { workerFile, clipVocabulary } = this.context
      const setup = { model, device: this.device, clipVocabulary, linkFolders: linkLimit() }
      const all = Array.from(
        { length: threadCount(pipeline, this.merges) },
        () => new DrawingThread(workerFile, { drawing: setup }),
      )
      this.threads = { key, all }
    }
    return this.threads.key === key ? this.threads.all : []
  }
}

function threadCount({ provider, parts }: Pipeline, merges: number): number {
  if (provider !== 'cpu' || parts.loadedBytes > SMALL_MODEL_BYTES) return 0
  return Math.min(availableParallelism() - 1, MOST_THREADS, Math.floor(merges / MERGES_PER_THREAD))
}
