import { isMainThread, MessageChannel, receiveMessageOnPort, Worker, type MessagePort } from 'node:worker_threads'
import type { MethodSettings } from '../../../contract/document/project'
import { FusionError, fromErrorReport, type ErrorReport } from '../../../contract/errors'
import type { SourceFile } from '../../checkpoint/containers/container'
import type { LayerTask } from '../plan/merge-plan'

/** A layer that is merged as a matrix, as plain data; its results are its weight and its bias. */
export interface LayerWork {
  kind: 'layer'
  task: LayerTask
  settings: MethodSettings
  weightBytes: number
  biasBytes: number
}

/** What a thread for layers gets when it starts. */
export interface LayerThreadSetup {
  layers: {
    port: MessagePort
    /** A count of answers and of signs of life; the other side waits for it to change. */
    signal: SharedArrayBuffer
    sources: readonly SourceFile[]
    /** Of a matrix product; the runtime's own choice if absent. */
    threads?: number
  }
}

/** A thread's answer to one piece of work. */
export type LayerReply = { results: Uint8Array<ArrayBuffer>[] } | { error: ErrorReport }

/** A thread that gives no sign of life for so long has ended. */
const SILENCE_MS = 600_000

let threadFile: URL | undefined

/** Says where the built tensor-worker lies, for all merges of this process that are read without being written. */
export function computeLayersIn(file: URL): void {
  threadFile = file
}

/**
 * Merges layers on a thread of its own while this one waits: ONNX Runtime computes products only in the background, and
 * tensors are read where nothing else can be waited for.
 */
export class LayerThread {
  private readonly worker: Worker
  private readonly port: MessagePort
  private readonly signal = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))

  constructor(sources: readonly SourceFile[]) {
    if (!threadFile) throw new FusionError('internal', 'Nothing was said of where the thread for layers lies.')
    const { port1, port2 } = new MessageChannel()
    this.port = port1
    const setup: LayerThreadSetup = {
      // Threads that sum may each have one of these.
      layers: { port: port2, signal: this.signal.buffer, sources, ...(!isMainThread && { threads: 1 }) },
    }
    this.worker = new Worker(threadFile, { workerData: setup, transferList: [port2] })
    this.worker.unref()
    port1.unref()
  }

  /**
   * The bytes of a layer's weight and of its bias, in the types of the merge's output.
   * @throws FusionError whatever merging throws; 'internal' where the thread has ended
   */
  run(work: LayerWork): Uint8Array[] {
    this.port.postMessage(work)
    for (;;) {
      const seen = Atomics.load(this.signal, 0)
      const message = receiveMessageOnPort(this.port) as { message: LayerReply } | undefined
      if (message) {
        if ('error' in message.message) throw fromErrorReport(message.message.error)
        return message.message.results
      }
      if (Atomics.wait(this.signal, 0, seen, SILENCE_MS) === 'timed-out')
        throw new FusionError('internal', `The thread that merges ${work.task.name} has ended.`)
    }
  }

  close(): void {
    this.port.close()
  }
}
