import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, it } from 'vitest'
import { runJobs, type PoolJob } from '../../../../src-main/engine/merge/job-pool'
import { temporaryFolder } from './models'

it('a thread that ends in the middle of a product is an error, not waited for', async () => {
  const file = join(temporaryFolder(), 'ends.mjs')
  writeFileSync(
    file,
    `import { parentPort } from 'node:worker_threads'
     parentPort.on('message', () => process.exit(3))`,
  )
  // The thread reads nothing of its job.
  const jobs = [{ kind: 'matrix' }, { kind: 'matrix' }] as PoolJob[]
  const options = { workerFile: pathToFileURL(file), threads: 2, sources: [] }
  await expect(runJobs(jobs, options, () => {})).rejects.toThrow('worker thread ended (3)')
})
