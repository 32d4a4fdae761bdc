import { resolve } from 'node:path'
import { Option, type Command } from 'commander'
import { checkSplitFolder, planSplit, writeSplitPlan } from '../../../../engine/merge/split/split-plan'
import { shareCosts } from '../../../../engine/merge/split/share-work'
import { chooseProvider, DEVICES, type Device } from '../../../../engine/runtime/providers'
import { cacheFolder } from '../../../folders'
import { addModelOptions, addOutputOptions, loadProject, type ModelOptions } from '../../../options/model-options'
import { bytes, ProgressLine, printResult, runCommand, say, type CommonOptions } from '../../../output/output'
import { planWithProgress } from '../../../output/plan-progress'
import type { ProgramFiles } from '../merge'

interface PlanCommandOptions extends CommonOptions, ModelOptions {
  out: string
  device: Device
  overwrite?: boolean
}

/** Numbers of shares that the balance is told of. */
const SHOWN = [2, 4, 8, 16]

/** `featurefusion plan`: writes down a merge that several processes or machines do in shares. */
export function addPlanCommand(program: Command, files: ProgramFiles): void {
  const command = program
    .command('plan [project]')
    .description(
      'write down a merge, so that several processes or machines can each do a share of it (featurefusion work), and one gathers the result (featurefusion gather)',
    )
    .requiredOption('--out <dir>', 'folder of the plan and of what the shares write')
    .addOption(new Option('--device <name>', 'where shares will be computed').choices(DEVICES).default('auto'))
    .option('--overwrite', 'replace another plan in the folder; shares of that one are then of no use')
    .option('--json', 'results as JSON')
  addOutputOptions(addModelOptions(command))
  command.action((path: string | undefined, options: PlanCommandOptions) =>
    runCommand(options, (signal) => plan(path, options, files, signal)),
  )
}

async function plan(
  path: string | undefined,
  options: PlanCommandOptions,
  files: ProgramFiles,
  signal: AbortSignal,
): Promise<void> {
  const folder = resolve(options.out)
  await checkSplitFolder(folder, options.overwrite === true)
  const planned = await planWithProgress(await loadProject(path, options), signal)
  for (const warning of planned.warnings) say(`Note: ${warning}`)
  const progress = new ProgressLine()
  const split = await planSplit(planned, {
    provider: await chooseProvider(options.device),
    workerFile: files.workerFile,
    cacheFolder: cacheFolder(),
    signal,
    onHashing: (fraction) => progress.show('hashing', fraction),
  }).finally(() => progress.end())
  const file = await writeSplitPlan(folder, split, options.overwrite === true)
  const size = split.outputs.reduce((sum, { dataBytes }) => sum + dataBytes, 0)
  const balance = SHOWN.map((count) => ({ shares: count, speedup: speedup(split.costs, count) }))
  printResult(options, { file, parts: split.costs.length, bytes: size, balance, warnings: planned.warnings }, () =>
    [
      `Written    ${file}: ${split.costs.length} parts, ${bytes(size)} to write`,
      `Balance    ${balance.map((one) => `${one.shares} shares at most ${one.speedup.toFixed(1)} ×`).join(', ')} as fast as one`,
      `Next       featurefusion work ${folder} --share 1/2 and --share 2/2 (any number N), then featurefusion gather ${folder} --out FILE`,
    ].join('\n'),
  )
}

/** By how much shares are faster than one at most: no part is divided. */
function speedup(costs: readonly number[], count: number): number {
  const shares = shareCosts(costs, count)
  return shares.reduce((sum, cost) => sum + cost, 0) / Math.max(...shares)
}
