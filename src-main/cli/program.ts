import { Command, CommanderError, Help } from 'commander'
import { version } from '../../package.json'
import { printable } from '../contract/values/printable'
import { addCalibrateCommand } from './commands/calibrate'
import { addCompareCommand } from './commands/compare'
import { addConvertCommand } from './commands/convert'
import { addDemoCommand } from './commands/demo'
import { addDevicesCommand } from './commands/devices'
import { addDriftCommand } from './commands/drift'
import { addEvaluateCommand } from './commands/evaluate'
import { addExtractCommand } from './commands/extract'
import { addGenerateCommand } from './commands/generate'
import { addGridCommand } from './commands/grid'
import { addHistoryCommand } from './commands/history'
import { addInspectCommand } from './commands/inspect'
import { addLibraryCommand } from './commands/library'
import { addMergeCommand } from './commands/merge'
import { addMergeLorasCommand } from './commands/merge-loras'
import { addOpenCommand } from './commands/open'
import { addRecipeCommand } from './commands/recipe'
import { addReportCommand } from './commands/report'
import { addReweightCommand, addUnlearnCommand } from './commands/reweight'
import { addScoreCommand } from './commands/score'
import { addSearchCommand } from './commands/search'
import { addServeCommand, type ServedFiles } from './commands/serve'
import { addGatherCommand } from './commands/split/gather'
import { addPlanCommand } from './commands/split/plan'
import { addWorkCommand } from './commands/split/work'
import { addUnfinishedCommand } from './commands/unfinished'
import { addVerifyCommand } from './commands/verify'
import { EXIT } from './output/output'

/** Files of the built program that commands need. */
export interface BuiltFiles extends ServedFiles {
  /** Threads for sums. */
  workerFile: URL
  clipVocabulary: string
  /** The built process that factors layers; null where it cannot be started: all is factored in this process. */
  extractFile: URL | null
}

/** The command line with all its commands; `parseAsync` throws a CommanderError instead of ending the process. */
export function createProgram(files: BuiltFiles): Command {
  const program = new Command('featurefusion')
    .description('Merges Stable Diffusion specialists by the correlations of their representations.')
    .version(version)
    .configureHelp({
      // An option that can be given often begins with none: nothing to say.
      optionDescription: (option) =>
        Array.isArray(option.defaultValue) ? option.description : new Help().optionDescription(option),
    })
    .configureOutput({ outputError: (text, write) => write(printable(text)) })
    .showHelpAfterError('(featurefusion --help lists the commands)')
    .exitOverride()
  addOpenCommand(program)
  addLibraryCommand(program)
  addMergeCommand(program, files)
  addPlanCommand(program, files)
  addWorkCommand(program, files)
  addGatherCommand(program, files)
  addConvertCommand(program, files)
  addReweightCommand(program, files)
  addUnlearnCommand(program, files)
  addInspectCommand(program)
  addExtractCommand(program, files.extractFile)
  addMergeLorasCommand(program)
  addCalibrateCommand(program, files)
  addGenerateCommand(program, files)
  addGridCommand(program, files)
  addEvaluateCommand(program, files)
  addCompareCommand(program, files)
  addScoreCommand(program, files)
  addSearchCommand(program, files)
  addReportCommand(program, files)
  addHistoryCommand(program)
  addDriftCommand(program, files)
  addDemoCommand(program, files, files.demoFolder)
  addDevicesCommand(program)
  addUnfinishedCommand(program)
  addVerifyCommand(program)
  addRecipeCommand(program)
  addServeCommand(program, files)
  return program
}

/**
 * Runs a command line. @param args without the program's own name; absent: this process's
 * @returns its exit code (cli.md)
 */
export async function exitCodeOf(program: Command, args?: readonly string[]): Promise<number> {
  try {
    await (args ? program.parseAsync(args, { from: 'user' }) : program.parseAsync())
    return Number(process.exitCode ?? EXIT.done)
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    return error.exitCode === 0 ? EXIT.done : EXIT.usage
  }
}
