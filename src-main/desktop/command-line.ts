import { app } from 'electron'
import { exitCodeOf, type BuiltFiles } from '../cli/program'
import { computeLayersIn } from '../engine/merge/chains/layer-thread'
import { useProbeLauncher } from '../engine/runtime/providers'
import { forkCompute } from './fork-compute'
import { launchUtilityProbe } from './launch-probe'

/**
 * Runs one command without a window, and ends the program with the exit code of cli.md. Processes that the commands
 * start are utility processes; layers are factored in this one.
 */
export async function runCommandLine(
  args: readonly string[],
  files: Omit<BuiltFiles, 'fork' | 'extractFile'>,
): Promise<void> {
  app.dock?.hide()
  // Utility processes can be started from then on.
  await app.whenReady()
  useProbeLauncher(launchUtilityProbe)
  computeLayersIn(files.workerFile)
  const code = await exitCodeOf({ ...files, fork: forkCompute, extractFile: null }, args)
  await Promise.all([process.stdout, process.stderr].map(flush))
  app.exit(code)
}

/** A pipe may still hold what was written, and `app.exit` does not wait for it. */
function flush(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => stream.write('', () => resolve()))
}
