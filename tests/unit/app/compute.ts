import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { ComputeChild } from '../../../src-main/app/jobs/compute-supervisor'
import { forkCompute } from '../../../src-main/server/fork-compute'

/** The compute process as it is built: `npm test` builds before it tests. */
export const COMPUTE_FILE = fileURLToPath(new URL('../../../out/main/compute-process.js', import.meta.url))

export function forkBuilt(): ComputeChild {
  if (!existsSync(COMPUTE_FILE)) throw new Error('out/ is missing: npm run build')
  return forkCompute(COMPUTE_FILE)
}
