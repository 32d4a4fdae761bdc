import { parentPort, workerData } from 'node:worker_threads'
import { toErrorReport } from './contract/errors'
import './engine/merge/chains/merged-work'
import { computeLayersIn, type LayerThreadSetup } from './engine/merge/chains/layer-thread'
import { serveLayers } from './engine/merge/chains/layer-worker'
import { TensorJobRunner, type TensorJob } from './engine/merge/jobs/tensor-job'
import type { WorkerReply, WorkerSetup } from './engine/merge/jobs/job-pool'

computeLayersIn(new URL(import.meta.url))
const setup = workerData as WorkerSetup | LayerThreadSetup
if ('layers' in setup) serveLayers(setup.layers)
else serveJobs(setup)

/** A thread of the job pool: one job in, one reply out. */
function serveJobs({ sources }: WorkerSetup): void {
  const runner = new TensorJobRunner(sources)
  const port = parentPort!
  port.on('message', (job: TensorJob | null) => {
    if (job === null) {
      runner.close()
      port.close()
      return
    }
    let reply: WorkerReply
    try {
      reply = { result: runner.run(job) }
    } catch (error) {
      const { message, code, syscall } = error as NodeJS.ErrnoException
      reply = syscall === undefined ? { error: toErrorReport(error) } : { refusal: { message, ...(code && { code }) } }
    }
    port.postMessage(reply)
  })
}
