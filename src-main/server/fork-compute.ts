import { fork } from 'node:child_process'
import { computeArguments, type ForkCompute } from '../app/jobs/compute-supervisor'

/** Starts the compute process as a child of Node. Structured clones: typed arrays and maps stay what they are. */
export const forkCompute: ForkCompute = (file, folders) => {
  const child = fork(file, computeArguments(folders), {
    serialization: 'advanced',
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  return {
    pid: child.pid,
    // A child that is gone tells so by its exit; what is still sent to it is nobody's.
    post: (request) => child.connected && child.send(request, () => undefined),
    onMessage: (listener) => child.on('message', listener),
    onExit: (listener) => {
      let told = false
      const tell = (how: string): void => {
        if (!told) listener(how)
        told = true
      }
      child.on('error', ({ message }) => tell(message))
      child.on('exit', (code, signal) => tell(signal ? `by ${signal}` : `with code ${code}`))
    },
    kill: () => child.kill('SIGKILL'),
  }
}
