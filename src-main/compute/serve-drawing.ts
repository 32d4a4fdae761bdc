import { parentPort } from 'node:worker_threads'
import type { TaskOf } from '../contract/protocol/compute-tasks'
import type { ComputeEvent } from '../contract/protocol/compute'
import { FusionError, toErrorReport, type ErrorReport } from '../contract/errors'
import type { Pipeline } from '../engine/diffusion/pipeline'
import { limitLinks } from '../engine/files/reading/links'
import type { Tensor } from '../engine/runtime/session'
import { drawPictures, type PreviewPicture } from './draw-pictures'
import { loadLivePipeline, openLiveFiles, type LiveModel } from './live-model'

/** What a thread that draws gets when it starts. */
export interface DrawingSetup {
  drawing: {
    model: LiveModel
    device: TaskOf<'preview'>['device']
    clipVocabulary: string
    /** Folders into which links may lead; null: anywhere. */
    linkFolders: readonly string[] | null
  }
}

/** Pictures with weights of the UNet, by the names of its inputs; null ends the thread. */
export type DrawingRequest =
  | { type: 'draw'; weights: Readonly<Record<string, Tensor>>; pictures: readonly PreviewPicture[] }
  | { type: 'cancel' }
  | null

/** Every 'draw' is answered by one 'drawn' or 'failed', in the order in which they came. */
export type DrawingReply =
  | { type: 'event'; event: ComputeEvent }
  | { type: 'progress'; fraction: number }
  | { type: 'drawn'; seconds: number }
  | { type: 'failed'; error: ErrorReport }

/** A thread with networks of its own, which draws what comes, one after the other. */
export function serveDrawing({ model, device, clipVocabulary, linkFolders }: DrawingSetup['drawing']): void {
  if (linkFolders) limitLinks(linkFolders)
  const port = parentPort!
  const reply = (message: DrawingReply): void => port.postMessage(message)
  // As many threads in an operator as elsewhere: the last bits depend on them. A failure is the answer to every request.
  const loading = openLiveFiles(model).then((files) => loadLivePipeline(files, { device, clipVocabulary }))
  loading.catch(() => undefined)
  let abort = new AbortController()
  let working = Promise.resolve()

  const draw = async (
    { weights, pictures }: Extract<DrawingRequest, { type: 'draw' }>,
    signal: AbortSignal,
  ): Promise<void> => {
    try {
      const pipeline = await loading
      if (signal.aborted) throw new FusionError('cancelled', 'Making pictures was cancelled.')
      const started = performance.now()
      pipeline.setUnetWeights(weights)
      const emit = (event: ComputeEvent): void => reply({ type: 'event', event })
      await drawPictures(pipeline, pictures, { signal, emit }, (fraction) => reply({ type: 'progress', fraction }))
      reply({ type: 'drawn', seconds: (performance.now() - started) / 1000 })
    } catch (error) {
      reply({ type: 'failed', error: toErrorReport(error) })
    }
  }
  const end = async (): Promise<void> => {
    await loading.then(
      (pipeline: Pipeline) => pipeline.release(),
      () => undefined,
    )
    port.close()
  }
  port.on('message', (request: DrawingRequest) => {
    if (request?.type === 'cancel') {
      abort.abort()
      abort = new AbortController()
      return
    }
    const { signal } = abort
    working = working.then(() => (request ? draw(request, signal) : end()))
  })
}
