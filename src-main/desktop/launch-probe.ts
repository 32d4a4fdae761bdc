import { utilityProcess } from 'electron'
import probeFile from '../engine/runtime/probe-child.cjs?asset'
import { NO_ANSWER, PROBE_LIMIT_MS, type ProbeLauncher } from '../engine/runtime/probe-launcher'

/** Tries an execution provider in a utility process: a packaged binary does not run as Node (fuse RunAsNode). */
export const launchUtilityProbe: ProbeLauncher = (args) =>
  new Promise((resolve) => {
    const child = utilityProcess.fork(probeFile, [...args], { serviceName: 'FeatureFusion probe', stdio: 'pipe' })
    let output = ''
    let failure = ''
    child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()))
    const limit = setTimeout(() => {
      failure = NO_ANSWER
      if (child.pid !== undefined) process.kill(child.pid, 'SIGKILL')
    }, PROBE_LIMIT_MS)
    child.once('exit', (code) => {
      clearTimeout(limit)
      if (code !== 0) failure ||= `its process ended with code ${code}`
      resolve({ output, failure })
    })
  })
