import { Command, CommanderError, Help } from 'commander'
import { version } from '../../package.json'
import { printable } from '../contract/values/printable'
import type { ServedFiles } from './commands/serve'
import { EXIT, printError, UsageError } from './output/output'

/** Files of the built program that commands need. */
export interface BuiltFiles extends ServedFiles {
  /** Threads for sums. */
  workerFile: URL
  clipVocabulary: string
  /** The built process that factors layers; null where it cannot be started: all is factored in this process. */
  extractFile: URL | null
}

type AddCommand = (program: Command, files: BuiltFiles) => void

/** Every command in the order of the help. What it needs is imported when it is asked for: most of a start is imports. */
const COMMANDS: Readonly<Record<string, () => Promise<AddCommand>>> = {
  open: async () => (await import('./commands/reading/open')).addOpenCommand,
  library: async () => (await import('./commands/reading/library')).addLibraryCommand,
  merge: async () => (await import('./commands/merging/merge')).addMergeCommand,
  plan: async () => (await import('./commands/merging/split/plan')).addPlanCommand,
  work: async () => (await import('./commands/merging/split/work')).addWorkCommand,
  gather: async () => (await import('./commands/merging/split/gather')).addGatherCommand,
  convert: async () => (await import('./commands/merging/convert')).addConvertCommand,
  reweight: async () => (await import('./commands/merging/reweight')).addReweightCommand,
  unlearn: async () => (await import('./commands/merging/reweight')).addUnlearnCommand,
  inspect: async () => (await import('./commands/reading/inspect')).addInspectCommand,
  extract: async () => (await import('./commands/merging/extract')).addExtractCommand,
  'merge-loras': async () => (await import('./commands/merging/merge-loras')).addMergeLorasCommand,
  calibrate: async () => (await import('./commands/measuring/calibrate')).addCalibrateCommand,
  generate: async () => (await import('./commands/generate')).addGenerateCommand,
  grid: async () => (await import('./commands/grid')).addGridCommand,
  evaluate: async () => (await import('./commands/measuring/evaluate')).addEvaluateCommand,
  compare: async () => (await import('./commands/measuring/compare')).addCompareCommand,
  score: async () => (await import('./commands/measuring/score')).addScoreCommand,
  search: async () => (await import('./commands/measuring/search')).addSearchCommand,
  report: async () => (await import('./commands/reading/report')).addReportCommand,
  history: async () => (await import('./commands/reading/history')).addHistoryCommand,
  drift: async () => (await import('./commands/measuring/drift')).addDriftCommand,
  demo: async () => (await import('./commands/demo')).addDemoCommand,
  devices: async () => (await import('./commands/devices')).addDevicesCommand,
  unfinished: async () => (await import('./commands/merging/unfinished')).addUnfinishedCommand,
  verify: async () => (await import('./commands/reading/verify')).addVerifyCommand,
  recipe: async () => (await import('./commands/reading/recipe')).addRecipeCommand,
  serve: async () => (await import('./commands/serve')).addServeCommand,
}

const VERSION_FLAGS = ['-V', '--version']

/** What adds the command that a command line names; all of them where it names none, for help and for suggestions. */
function commandsOf(name: string | undefined): Promise<AddCommand[]> {
  if (name !== undefined && VERSION_FLAGS.includes(name)) return Promise.resolve([])
  const named = name !== undefined && Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  return Promise.all(named ? [named()] : Object.values(COMMANDS).map((load) => load()))
}

/**
 * The command line; `parseAsync` throws a CommanderError instead of ending the process.
 * @param name the command that will run, which is then the only one; absent: all commands
 */
export async function createProgram(files: BuiltFiles, name?: string): Promise<Command> {
  const program = new Command('featurefusion')
    .description('Merges Stable Diffusion specialists by the correlations of their representations.')
    .version(version, VERSION_FLAGS.join(', '))
    .configureHelp({
      // An option that can be given often begins with none: nothing to say.
      optionDescription: (option) =>
        Array.isArray(option.defaultValue) ? option.description : new Help().optionDescription(option),
    })
    .configureOutput({ outputError: (text, write) => write(printable(text)) })
    .showHelpAfterError('(featurefusion --help lists the commands)')
    .exitOverride()
  for (const add of await commandsOf(name)) add(program, files)
  return program
}

/**
 * Runs a command line. @param args without the program's own name
 * @returns its exit code (cli.md)
 */
export async function exitCodeOf(files: BuiltFiles, args: readonly string[]): Promise<number> {
  const program = await createProgram(files, args[0])
  try {
    await program.parseAsync(args, { from: 'user' })
    return Number(process.exitCode ?? EXIT.done)
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return EXIT.done
    if (args.includes('--json')) printError(new UsageError(error.message.replace(/^error: /, '')))
    return EXIT.usage
  }
}
