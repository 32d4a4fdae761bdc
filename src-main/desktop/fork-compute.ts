import { utilityProcess } from 'electron'
import { computeArguments, type ForkCompute } from '../app/jobs/compute-supervisor'

/** Starts the compute process as a utility process: Node, with Electron's own binary. */
export const forkCompute: ForkCompute = (file, folders) => {
  const child = utilityProcess.fork(file, computeArguments(folders), {
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
