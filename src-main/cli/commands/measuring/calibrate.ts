import { resolve } from 'node:path'
import { Option, type Command } from 'commander'
import { requestedModels } from '../../../project/calibration-plan'
import { readingOf, type Project } from '../../../contract/document/project'
import { calibratedLayers, calibrate, type CalibratedCheckpoint } from '../../../engine/calibrate/calibrate'
import { calibrationBytes } from '../../../engine/merge/plan/calibration/calibration-file'
import { calibrated, type CalibrationRequest } from '../../../engine/calibrate/calibration-request'
import { promptsIn } from '../../../engine/evaluate/data/prompt-domains'
import { openModel, openSpecialist } from '../../../engine/merge/open-model'
import type { Checkpoint } from '../../../engine/checkpoint/model/checkpoint'
import { readSmallText } from '../../../engine/files/reading/regular-file'
import { SMALL_FILES } from '../../../engine/files/reading/small-files'
import { chooseProvider, DEVICES, type Device } from '../../../engine/runtime/providers'
import { cacheFolder } from '../../folders'
import { addSourceOptions, emaOption, loadProject, type SourceOptions } from '../../options/model-options'
import { collect, count, number, threads, timestep } from '../../options/option-values'
import {
  bytes,
  ProgressLine,
  printResult,
  runCommand,
  say,
  seconds,
  UsageError,
  type CommonOptions,
} from '../../output/output'

interface CalibrateCommandOptions extends CommonOptions, SourceOptions {
  data: string[]
  prompts: string[]
  samples?: number
  seed?: number
  minTimestep?: number
  maxTimestep?: number
  out: string
  overwrite?: boolean
  device: Device
  threads?: number
}

/** `featurefusion calibrate`: what every layer of the models really gets, for merges that learn from it. */
export function addCalibrateCommand(program: Command, files: { clipVocabulary: string }): void {
  const command = program
    .command('calibrate [project]')
    .description(
      'collect real inputs of every layer of the models, and what the models ran on, for regressions and calibrated statistics; without --data and --prompts: on the data of the project',
    )
    .option(
      '--data <[name=]dir>',
      "pictures with captions, or a folder with evaluation.json, that a model runs on; of several domains, the one with the model's name is used; without NAME=: for every specialist",
      collect,
      [],
    )
    .option('--prompts <name=file>', 'prompts, one per line, for which the model draws pictures', collect, [])
    .option('--samples <n>', "input columns per layer and model (default: the project's, or 1024)", count)
    .option('--seed <n>', "seed of everything random (default: the project's, or 0)", number)
    .option(
      '--min-timestep <n>',
      "the lowest timestep at which pictures get noise, 0: nearly none (default: the project's, or 0)",
      timestep,
    )
    .option(
      '--max-timestep <n>',
      "the timestep before which they end (default: the project's, or all that the model was trained with)",
      count,
    )
    .requiredOption('--out <file>', 'the calibration file to write (.safetensors)')
    .option(
      '--overwrite',
      'replace a calibration file of another version at --out, or an empty file; nothing else is replaced',
    )
    .addOption(new Option('--device <name>', 'where networks run').choices(DEVICES).default('auto'))
    .option('--threads <n>', 'threads inside an operator', threads)
    .option('--json', 'results as JSON')
  addSourceOptions(command.addOption(emaOption())).action(
    (path: string | undefined, options: CalibrateCommandOptions) =>
      runCommand(options, (signal) => run(path, options, files, signal)),
  )
}

async function run(
  path: string | undefined,
  options: CalibrateCommandOptions,
  files: { clipVocabulary: string },
  signal: AbortSignal,
): Promise<void> {
  const started = performance.now()
  const { samples, seed, minTimestep, maxTimestep, ...given } = options
  const loaded = await loadProject(path, { ...given, blockWeights: [], layerWeights: [], transposed: [], groups: [] })
  const project = {
    ...loaded,
    calibration: {
      ...loaded.calibration,
      ...(samples !== undefined && { samples }),
      ...(seed !== undefined && { seed }),
      ...(minTimestep !== undefined && { minTimestep }),
      ...(maxTimestep !== undefined && { maxTimestep }),
    },
  }
  const settings = {
    samples: project.calibration.samples,
    seed: project.calibration.seed,
    cacheFolder: cacheFolder(),
    signal,
  }
  const isGiven = path === undefined || options.data.length + options.prompts.length > 0
  const requests = isGiven ? await givenRequests(options, project) : await projectRequests(project)
  if ((minTimestep ?? maxTimestep) !== undefined && [...requests.values()].every(({ kind }) => kind === 'prompts'))
    throw new UsageError(
      '--min-timestep and --max-timestep are for models that run on pictures, and none does.',
      'Leave them out, or give --data.',
    )
  const base = await openModel(project.models[0]!.path, project)
  const lend = (): Promise<Checkpoint> => Promise.resolve(base)
  const models: CalibratedCheckpoint[] = []
  for (const { name, path: own, strengths } of project.models) {
    const request = requests.get(name)
    if (!request) continue
    const checkpoint =
      own === project.models[0]!.path ? base : await openSpecialist(own, lend, { ...readingOf(project), strengths })
    models.push(await calibrated(name, checkpoint, request, { base, ...settings }))
  }
  const layers = models.flatMap(({ checkpoint }) => calibratedLayers(checkpoint))
  say(`Collecting up to ${bytes(calibrationBytes(layers, 1, settings.samples))} from ${models.length} models …`)
  const provider = await chooseProvider(options.device)
  const progress = new ProgressLine()
  try {
    const record = await calibrate(models, {
      path: options.out,
      overwrite: options.overwrite === true,
      base,
      device: provider,
      ...files,
      ...(options.threads !== undefined && { threads: options.threads }),
      ...settings,
      onProgress: (fraction) => progress.show('gathering', fraction),
    })
    progress.end()
    const result = { path: resolve(options.out), ...record, seconds: (performance.now() - started) / 1000 }
    printResult(
      options,
      result,
      () => `${result.path}: ${record.models.map(inWords).join('; ')}; in ${seconds(result.seconds)}`,
    )
  } finally {
    progress.end()
  }
}

/** What the project says that its models run on. */
async function projectRequests(project: Project): Promise<Map<string, CalibrationRequest>> {
  return new Map((await requestedModels(project, cacheFolder())).map(({ name, request }) => [name, request]))
}

/** What the options say that models run on. */
async function givenRequests(
  { data, prompts }: CalibrateCommandOptions,
  { models, calibration, evaluation }: Project,
): Promise<Map<string, CalibrationRequest>> {
  const names = models.map(({ name }) => name)
  const { minTimestep, maxTimestep } = calibration
  const requestFrom = async (kind: CalibrationRequest['kind'], path: string): Promise<CalibrationRequest> =>
    kind === 'data'
      ? { kind, folder: path, splitSeed: evaluation.seed, pictures: null, minTimestep, maxTimestep }
      : { kind, prompts: promptsIn(await readSmallText(path, SMALL_FILES.prompts)) }
  const requests = new Map<string, CalibrationRequest>()
  for (const [kind, texts] of [
    ['data', data],
    ['prompts', prompts],
  ] as const)
    for (const text of texts) {
      const [, name, path] = /^([^=/\\]+)=(.+)$/.exec(text) ?? []
      if (name === undefined && kind === 'prompts') throw new UsageError(`--prompts ${text}: NAME=FILE expected.`)
      if (name !== undefined && !names.includes(name))
        throw new UsageError(`--${kind} ${text}: no model is named ${name}.`, `The models are ${names.join(', ')}.`)
      for (const model of name === undefined ? names.slice(1) : [name]) {
        if (requests.has(model)) throw new UsageError(`--${kind} ${text}: ${model} has data or prompts already.`)
        requests.set(model, await requestFrom(kind, resolve(path ?? text)))
      }
    }
  if (requests.size === 0) throw new UsageError('Say what the models run on: --data [NAME=]DIR or --prompts NAME=FILE.')
  return requests
}

function inWords({ name, source }: Awaited<ReturnType<typeof calibrate>>['models'][number]): string {
  if (source.kind === 'prompts') return `${name} while it made ${source.prompts.length} pictures`
  const { domains, pictures, timesteps } = source
  return `${name} on ${pictures} pictures (${domains.join(', ')}) at timesteps ${timesteps[0]} to ${timesteps.at(-1)}`
}
