import { join, resolve } from 'node:path'
import { Option, type Command } from 'commander'
import { refusePickleEnding } from '../../../../contract/document/names/output-name'
import { readSplitPlan } from '../../../../engine/merge/split/split-plan'
import { gatherShares } from '../../../../engine/merge/split/gather-shares'
import { PHASE_WORDS } from '../../../../engine/merge/run'
import { chooseProvider, DEVICES, type Device } from '../../../../engine/runtime/providers'
import { cacheFolder } from '../../../folders'
import { ProgressLine, printResult, runCommand, say, type CommonOptions } from '../../../output/output'
import { planWithProgress } from '../../../output/plan-progress'
import { outOf, resultAsData, resultInWords, type ProgramFiles } from '../merge'
import { withModelsFrom } from './models-elsewhere'

interface GatherCommandOptions extends CommonOptions {
  out?: string
  models?: string
  keep?: boolean
  overwrite?: boolean
  device: Device
}

/** The merge's name in the folder of its plan, where nobody gives another. */
const MERGED = 'merged'

/** `featurefusion gather`: checks the shares of a planned merge, and finishes it. */
export function addGatherCommand(program: Command, files: ProgramFiles): void {
  program
    .command('gather <dir>')
    .description('check the shares of the merge that is planned in a folder, and write the merge')
    .option('--out <path>', "file or folder to write (default: the project's, or merged in the folder of the plan)")
    .option('--models <dir>', 'where the models lie on this machine, if not where they lay when the plan was written')
    .option('--keep', 'keep what the shares wrote')
    .option('--overwrite', 'replace a safetensors file or an empty folder at --out that this program did not write')
    .addOption(new Option('--device <name>', 'where the shares were computed').choices(DEVICES).default('auto'))
    .option('--json', 'results as JSON')
    .action((folder: string, options: GatherCommandOptions) =>
      runCommand(options, (signal) => gather(resolve(folder), options, files, signal)),
    )
}

async function gather(
  folder: string,
  options: GatherCommandOptions,
  files: ProgramFiles,
  signal: AbortSignal,
): Promise<void> {
  const split = await readSplitPlan(folder)
  const out = options.out ?? split.project.output.path ?? join(folder, MERGED)
  refusePickleEnding(out)
  const plan = await planWithProgress(withModelsFrom(options.models, split), signal)
  const progress = new ProgressLine()
  const result = await gatherShares(plan, split, folder, {
    path: outOf(plan, { out }),
    provider: await chooseProvider(options.device),
    ...files,
    cacheFolder: cacheFolder(),
    signal,
    keeps: options.keep === true,
    ...(options.overwrite === true && { overwrite: true }),
    onResume: say,
    onProgress: (phase, fraction) => progress.show(PHASE_WORDS[phase], fraction),
  }).finally(() => progress.end())
  printResult(options, resultAsData(plan, result), () => resultInWords(plan, result))
}
