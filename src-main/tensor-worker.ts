import { parentPort, workerData } from 'node:worker_threads'
import { toErrorReport } from './contract/errors'
import { TensorJobRunner, type TensorJob } from './engine/merge/jobs/tensor-job'
import type { WorkerReply, WorkerSetup } from './engine/merge/jobs/job-pool'

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
    const { message, code, syscall } = error as NodeJS.ErrnoException
    reply = syscall === undefined ? { error: toErrorReport(error) } : { refusal: { message, ...(code && { code }) } }
  }
  port.postMessage(reply)
})
