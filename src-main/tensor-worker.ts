import { parentPort, workerData } from 'node:worker_threads'
import { toErrorReport } from './contract/errors'
import { TensorJobRunner, type TensorJob } from './engine/merge/tensor-job'
import type { WorkerReply, WorkerSetup } from './engine/merge/job-pool'

// A thread of the job pool: one job in, one reply out.
const runner = new TensorJobRunner((workerData as WorkerSetup).sources)
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
    reply = { error: toErrorReport(error), code: (error as NodeJS.ErrnoException).code }
  }
  port.postMessage(reply)
})
