import { utilityProcess } from 'electron'
import type { ComputeChild } from '../app/jobs/compute-supervisor'

/** Starts the compute process as a utility process: Node, with Electron's own binary. */
export function forkCompute(file: string): ComputeChild {
  const child = utilityProcess.fork(file, [String(process.pid)], {
    serviceName: 'FeatureFusion compute',
    stdio: 'inherit',
  })
  return {
    get pid() {
      return child.pid
    },
    post: (request) => child.postMessage(request),
    onMessage: (listener) => child.on('message', listener),
    onExit: (listener) => child.once('exit', (code) => listener(`with code ${code}`)),
    // A native call that blocks the process does not hear a polite request.
    kill: () => {
      if (child.pid !== undefined) process.kill(child.pid, 'SIGKILL')
    },
  }
}
