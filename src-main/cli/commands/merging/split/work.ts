import { resolve } from 'node:path'
import { Option, type Command } from 'commander'
import { readSplitPlan } from '../../../../engine/merge/split/split-plan'
import { shareInWords } from '../../../../engine/shares/share'
import { workShare, type WorkedShare } from '../../../../engine/merge/split/work-share'
import { PHASE_WORDS } from '../../../../engine/merge/run'
import { chooseProvider, DEVICES, type Device } from '../../../../engine/runtime/providers'
import { cacheFolder } from '../../../folders'
import { threads } from '../../../options/option-values'
import { shareOf } from '../../../options/share-option'
import { bytes, ProgressLine, printResult, runCommand, say, seconds, type CommonOptions } from '../../../output/output'
import { planWithProgress } from '../../../output/plan-progress'
import type { ProgramFiles } from '../merge'
import { withModelsFrom } from './models-elsewhere'

interface WorkOptions extends CommonOptions {
  share?: string
  models?: string
  apart?: boolean
  restart?: boolean
  device: Device
  threads?: number
}

/** `featurefusion work`: does one share of a planned merge. */
export function addWorkCommand(program: Command, files: ProgramFiles): void {
  program
    .command('work <dir>')
    .description('do one share of the merge that is planned in a folder; a share that was stopped goes on')
    .option(
      '--share <[i/]n>',
      'share I of N; in a job array of Slurm or an indexed job of Kubernetes N alone is enough (default there: as many as the array has)',
    )
    .option('--models <dir>', 'where the models lie on this machine, if not where they lay when the plan was written')
    .option('--apart', 'write the share to a file of its own, to be carried to the folder where shares are gathered')
    .option('--restart', 'do the share again, whatever is there of it')
    .addOption(new Option('--device <name>', 'where matrix products run').choices(DEVICES).default('auto'))
    .option('--threads <n>', 'threads of sums and products; the result does not depend on them', threads)
    .option('--json', 'results as JSON')
    .action((folder: string, options: WorkOptions) =>
      runCommand(options, (signal) => work(resolve(folder), options, files, signal)),
    )
}

async function work(folder: string, options: WorkOptions, files: ProgramFiles, signal: AbortSignal): Promise<void> {
  const share = shareOf(options.share)
  const split = await readSplitPlan(folder)
  const plan = await planWithProgress(withModelsFrom(options.models, split), signal)
  const progress = new ProgressLine()
  const done = await workShare(plan, split, folder, share, {
    provider: await chooseProvider(options.device),
    workerFile: files.workerFile,
    cacheFolder: cacheFolder(),
    signal,
    apart: options.apart === true,
    restart: options.restart === true,
    ...(options.threads !== undefined && { threads: options.threads }),
    onResume: say,
    onPhase: (phase, fraction) => progress.show(PHASE_WORDS[phase], fraction),
  }).finally(() => progress.end())
  printResult(options, done, () => inWords(done))
}

function inWords({ share, bytes: size, seconds: took, isPacked }: WorkedShare): string {
  const where = isPacked ? ', in a file of its own' : ''
  return `Share ${shareInWords(share)} is done: ${bytes(size)}${where}, in ${seconds(took)}.`
}
