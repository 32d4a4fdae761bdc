import { Worker } from 'node:worker_threads'
import { FusionError, fromErrorReport } from '../contract/errors'
import type { Tensor } from '../engine/runtime/session'
import type { PreviewPicture } from './draw-pictures'
import type { DrawingReply, DrawingRequest, DrawingSetup } from './serve-drawing'
import type { TaskContext } from './task'

interface Work {
  emit: TaskContext['emit']
  onProgress: (fraction: number) => void
  resolve: (seconds: number) => void
  reject: (error: unknown) => void
}

/** This side of a thread with networks of its own, which draws what it is given one after the other. */
export class DrawingThread {
  private readonly worker: Worker
  /** In the order in which the thread answers. */
  private readonly works: Work[] = []
  private readonly ended: Promise<void>

  /** @param file the built tensor-worker */
  constructor(file: URL, setup: DrawingSetup) {
    this.worker = new Worker(file, { workerData: setup })
    this.worker.on('message', (reply: DrawingReply) => this.receive(reply))
    let cause: unknown
    this.worker.on('error', (error) => (cause = error))
    this.ended = new Promise((resolve) => {
      this.worker.on('exit', () => {
        const error = new FusionError('internal', 'A thread that draws pictures has ended.', { cause })
        for (const { reject } of this.works.splice(0)) reject(error)
        resolve()
      })
    })
  }

  /** Merges that it draws or will draw. */
  get held(): number {
    return this.works.length
  }

  /**
   * Draws pictures with these weights, which are copied now.
   * @returns seconds that it took
   * @throws what drawPictures and loading the model throw; 'internal' where the thread has ended
   */
  async draw(
    weights: Readonly<Record<string, Tensor>>,
    pictures: readonly PreviewPicture[],
    { signal, emit }: Pick<TaskContext, 'signal' | 'emit'>,
    onProgress: (fraction: number) => void,
  ): Promise<number> {
    const cancel = (): void => this.send({ type: 'cancel' })
    signal.addEventListener('abort', cancel)
    try {
      return await new Promise<number>((resolve, reject) => {
        this.works.push({ emit, onProgress, resolve, reject })
        this.send({ type: 'draw', weights, pictures })
      })
    } finally {
      signal.removeEventListener('abort', cancel)
    }
  }

  /** Frees its memory and closes its files, when it has answered all. */
  async end(): Promise<void> {
    this.send(null)
    await this.ended
  }

  private send(request: DrawingRequest): void {
    this.worker.postMessage(request)
  }

  private receive(reply: DrawingReply): void {
    if (reply.type === 'event') return this.works[0]!.emit(reply.event)
    if (reply.type === 'progress') return this.works[0]!.onProgress(reply.fraction)
    const work = this.works.shift()!
    if (reply.type === 'drawn') work.resolve(reply.seconds)
    else work.reject(fromErrorReport(reply.error))
  }
}
