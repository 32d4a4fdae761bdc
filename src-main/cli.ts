#!/usr/bin/env node
import { fileURLToPath } from 'node:url'
import { Command, CommanderError, Help } from 'commander'
import { version } from '../package.json'
import { addCalibrateCommand } from './cli/calibrate'
import { addCompareCommand } from './cli/compare'
import { addDemoCommand } from './cli/demo'
import { addDevicesCommand } from './cli/devices'
import { addDriftCommand } from './cli/drift'
import { addEvaluateCommand } from './cli/evaluate'
import { addGenerateCommand } from './cli/generate'
import { addInspectCommand } from './cli/inspect'
import { addMergeCommand } from './cli/merge'
import { addOpenCommand } from './cli/open'
import { EXIT } from './cli/output'
import { addReweightCommand, addUnlearnCommand } from './cli/reweight'
import { addSearchCommand } from './cli/search'
import { addServeCommand } from './cli/serve'
import { addVerifyCommand } from './cli/verify'

const files = {
  /** Built beside this file. */
  workerFile: new URL('./tensor-worker.js', import.meta.url),
  clipVocabulary: fileURLToPath(new URL('../../resources/clip/bpe_simple_vocab_16e6.txt.gz', import.meta.url)),
}

const program = new Command('featurefusion')
  .description('Merges Stable Diffusion specialists by the correlations of their representations.')
  .version(version)
  .configureHelp({
    // An option that can be given often begins with none: nothing to say.
    optionDescription: (option) =>
      Array.isArray(option.defaultValue) ? option.description : new Help().optionDescription(option),
  })
  .showHelpAfterError('(featurefusion --help lists the commands)')
  .exitOverride()

addOpenCommand(program)
addMergeCommand(program, files)
addReweightCommand(program, files)
addUnlearnCommand(program, files)
addInspectCommand(program)
addCalibrateCommand(program, files)
addGenerateCommand(program, files)
addEvaluateCommand(program, files)
addCompareCommand(program, files)
addSearchCommand(program, files)
addDriftCommand(program, files)
addDemoCommand(program, files, fileURLToPath(new URL('../../resources/demo', import.meta.url)))
addDevicesCommand(program)
addVerifyCommand(program)
addServeCommand(program, new URL('./', import.meta.url))

try {
  await program.parseAsync()
} catch (error) {
  if (!(error instanceof CommanderError)) throw error
  process.exitCode = error.exitCode === 0 ? EXIT.done : EXIT.usage
}
