import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Command } from 'commander'
import { evaluationFolder } from '../../../project/evaluation-folder'
import type { FeatureDrift } from '../../../contract/evaluate/drift'
import { FusionError } from '../../../contract/errors'
import { calibratedLayers } from '../../../engine/calibrate/calibrate'
import { checkDriftable, driftOnData } from '../../../engine/calibrate/drift-on-data'
import type { Checkpoint } from '../../../engine/checkpoint/model/checkpoint'
import { openModel } from '../../../engine/merge/open-model'
import { runMerge, type MergeOptions } from '../../../engine/merge/run'
import { chooseProvider } from '../../../engine/runtime/providers'
import { cacheFolder } from '../../folders'
import { addEvaluationOptions, evaluatedProject, type EvaluationOptions } from '../../options/evaluation-options'
import { count } from '../../options/option-values'
import { ProgressLine, printResult, runCommand, table } from '../../output/output'
import { planWithProgress } from '../../output/plan-progress'

/** Files of the program: without the worker a merge is made in this thread. */
type DriftFiles = Pick<MergeOptions, 'workerFile' | 'clipVocabulary'>

interface DriftCommandOptions extends EvaluationOptions {
  domain?: string
  columns: number
  layer?: string
  pipeline?: string
}

/** Few pictures have many inputs for a layer. */
const PICTURES = 1

/** `featurefusion drift`: whether a merge's layers give what the method promises, alone and in the running network. */
export function addDriftCommand(program: Command, files: DriftFiles): void {
  const command = program
    .command('drift [project]')
    .description(
      "compare the features of a merge with the features of its models, combined by the merge's coefficients, layer by layer",
    )
    .option('--domain <name>', 'only pictures of this domain')
    .option('--columns <n>', 'number of inputs per layer', count, 64)
    .option('--layer <name>', 'only this layer')
    .option('--pipeline <path>', 'a pipeline from which the parts are taken that the base does not have')
  addEvaluationOptions(command, String(PICTURES))
  command.action((path: string | undefined, options: DriftCommandOptions) =>
    runCommand(options, (signal) => check(path, options, files, signal)),
  )
}

async function check(
  path: string | undefined,
  options: DriftCommandOptions,
  files: DriftFiles,
  signal: AbortSignal,
): Promise<void> {
  const project = await evaluatedProject(path, options)
  const { domain = null, columns: samples, layer, pictures = PICTURES } = options
  const { split, seed } = project.evaluation
  const threads = options.threads === undefined ? {} : { threads: options.threads }
  const plan = await planWithProgress(project, signal)
  const data = { folder: evaluationFolder(project), domain, split, pictures, seed }
  await checkDriftable(plan, data)
  const model = plan.models[0]!.checkpoint
  const base = options.pipeline === undefined ? model : await openModel(options.pipeline)
  const layers = layer === undefined ? {} : { layers: [moduleOf(model, layer)] }
  const device = await chooseProvider(options.device)
  const scratch = await mkdtemp(join(tmpdir(), 'featurefusion-drift-'))
  const progress = new ProgressLine()
  try {
    const shared = { ...threads, cacheFolder: cacheFolder(), signal }
    const merged = await runMerge(plan, {
      ...shared,
      ...files,
      path: join(scratch, plan.output.folder ? 'merge' : 'merge.safetensors'),
      provider: device,
      onProgress: (phase, fraction) => progress.show(phase, fraction),
    })
    const found = await driftOnData(plan, await openModel(merged.path), data, {
      ...shared,
      ...layers,
      base,
      device,
      ...(files.clipVocabulary !== undefined && { clipVocabulary: files.clipVocabulary }),
      samples,
      onProgress: (fraction) => progress.show('comparing features', fraction),
    })
    progress.end()
    printResult(options, found, () => inWords(found))
  } finally {
    progress.end()
    await rm(scratch, { recursive: true, force: true })
  }
}

/** @throws FusionError 'not-found' */
function moduleOf(base: Checkpoint, name: string): string {
  const module = name.replace(/^unet\//, '').replace(/\.weight$/, '')
  const known = calibratedLayers(base).map((layer) => layer.module)
  if (known.includes(module)) return module
  const alike = known.filter((other) => other.includes(module)).slice(0, 5)
  throw new FusionError('not-found', `The UNet has no layer ${name}.`, {
    hint: alike.length > 0 ? `It has ${alike.join(', ')}.` : 'featurefusion inspect lists them.',
  })
}

function inWords({ layers, domains, pictures, samples }: FeatureDrift): string {
  const percent = (value: number | null): string => (value === null ? 'no number' : `${(100 * value).toFixed(3)} %`)
  return [
    `Features of the merge against those of its models, weighted by its coefficients (paper, equation 20), on ${pictures} pictures (${domains.join(', ')}), up to ${samples} inputs of each layer.`,
    "Relative distance: of the layer alone, on the base's inputs, and inside the running networks.",
    '',
    table([
      ['block', 'layer', 'alone', 'inside'],
      ...layers.map(({ block, layer, alone, inside }) => [block, layer, percent(alone), percent(inside)]),
    ]),
  ].join('\n')
}
