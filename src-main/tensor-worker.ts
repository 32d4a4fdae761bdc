import { parentPort, workerData } from 'node:worker_threads'
import { toErrorReport } from './contract/errors'
import { cancellation } from './engine/cancel'
import './engine/merge/chains/merged-work'
import type { DrawingSetup } from './compute/serve-drawing'
import { computeLayersIn, type LayerThreadSetup } from './engine/merge/chains/layer-thread'
import { serveLayers } from './engine/merge/chains/layer-worker'
import { JobRunner, type PoolJob, type WorkerReply, type WorkerSetup } from './engine/merge/job-pool'

computeLayersIn(new URL(import.meta.url))
const setup = workerData as WorkerSetup | LayerThreadSetup | DrawingSetup
if ('layers' in setup) serveLayers(setup.layers)
// Threads that sum need nothing of what draws.
else if ('drawing' in setup) (await import('./compute/serve-drawing')).serveDrawing(setup.drawing)
else serveJobs(setup)

/** A thread of the job pool: one job in, one reply out. Products have no threads of their own: there are others of these. */
function serveJobs({ sources, stopped }: WorkerSetup): void {
  const runner = new JobRunner(sources, 1, async () => {
    if (Atomics.load(stopped, 0) !== 0) throw cancellation()
  })
  const port = parentPort!
  const answer = async (job: PoolJob | null): Promise<void> => {
    if (job === null) {
      await runner.close()
      port.close()
      return
    }
    let reply: WorkerReply
    try {
      reply = { result: await runner.run(job) }
    } catch (error) {
      const { message, code, syscall } = error as NodeJS.ErrnoException
      reply = syscall === undefined ? { error: toErrorReport(error) } : { refusal: { message, ...(code && { code }) } }
    }
    port.postMessage(reply)
  }
  port.on('message', (job: PoolJob | null) => void answer(job))
}
