#!/usr/bin/env node
import { Command, CommanderError } from 'commander'
import { version } from '../package.json'
import { addDevicesCommand } from './cli/devices'
import { addMergeCommand } from './cli/merge'
import { addOpenCommand } from './cli/open'
import { EXIT } from './cli/output'
import { addVerifyCommand } from './cli/verify'

/** Built beside this file. */
const workerFile = new URL('./tensor-worker.js', import.meta.url)

const program = new Command('featurefusion')
  .description('Merges Stable Diffusion specialists by the correlations of their representations.')
  .version(version)
  .showHelpAfterError('(featurefusion --help lists the commands)')
  .exitOverride()

addOpenCommand(program)
addMergeCommand(program, workerFile)
addDevicesCommand(program)
addVerifyCommand(program)

try {
  await program.parseAsync()
} catch (error) {
  if (!(error instanceof CommanderError)) throw error
  process.exitCode = error.exitCode === 0 ? EXIT.done : EXIT.usage
}
