import { execFile } from 'node:child_process'
import probeSource from './probe-child.cjs?raw'

/** How a process ended. */
export interface ProcessEnd {
  /** What it wrote to standard output. */
  output: string
  /** How it failed, in words; empty if it did not. */
  failure: string
}

/**
 * Runs probe-child.cjs with these arguments in a process of its own, and settles when that has ended, by PROBE_LIMIT_MS
 * at the latest; never rejects. A host whose binary cannot run as Node brings its own.
 */
export type ProbeLauncher = (args: readonly string[]) => Promise<ProcessEnd>

/** A first run on a graphics card may compile shaders for seconds. */
export const PROBE_LIMIT_MS = 30_000
export const NO_ANSWER = `it gave no answer within ${PROBE_LIMIT_MS / 1000} seconds`

/** With the Node that runs this; needs no file beside the built program. */
export const launchNodeProbe: ProbeLauncher = (args) => runProgram(process.execPath, ['-e', probeSource, '--', ...args])

/** Runs any program to its end. */
export function runProgram(file: string, args: readonly string[]): Promise<ProcessEnd> {
  return new Promise((resolve) => {
    execFile(file, args, { timeout: PROBE_LIMIT_MS, killSignal: 'SIGKILL' }, (error, output) => {
      const failure = !error
        ? ''
        : error.killed
          ? NO_ANSWER
          : error.signal
            ? `its process ended by ${error.signal}`
            : `its process ended with code ${error.code}`
      resolve({ output, failure })
    })
  })
}
