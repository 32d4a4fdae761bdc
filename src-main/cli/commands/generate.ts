import { readingOf, type EmaUse } from '../../contract/document/project'
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { basename, extname, join, resolve } from 'node:path'
import { InvalidArgumentError, Option, type Command } from 'commander'
import { version } from '../../../package.json'
import { FusionError, toErrorReport } from '../../contract/errors'
import { isWeightsName } from '../../contract/document/names/model-names'
import { MOST_SEED, parseSeed, SEED_RANGE } from '../../contract/values/seed'
import { MOST_PICTURES } from '../../contract/values/limits'
import { checkPrompt } from '../../contract/values/prompt'
import type { Checkpoint, PredictionType } from '../../engine/checkpoint/model/checkpoint'
import { hashFile, shortHash } from '../../engine/checkpoint/hash'
import { openModel, openSpecialist } from '../../engine/merge/open-model'
import { loadPipeline } from '../../engine/diffusion/load-pipeline'
import type { GenerateRequest, Picture, Pipeline } from '../../engine/diffusion/pipeline'
import { emaNotices } from '../../engine/checkpoint/ema'
import { predictionNotices, requireDenoiser, schedulerConfigOf } from '../../engine/diffusion/pipeline-parts'
import { decodePng, encodePng } from '../../engine/image/png'
import { PROMPT_SYNTAXES, type PromptSyntax } from '../../engine/diffusion/prompt-encoder'
import { resizeBicubic, type Picture as Pixels } from '../../engine/image/resample'
import {
  chooseScheduler,
  createScheduler,
  SCHEDULER_NAMES,
  SIGMA_CHOICES,
  type SigmaChoice,
} from '../../engine/schedulers/index'
import { readTextualInversion, type TextualInversion } from '../../engine/diffusion/textual-inversion'
import { OWN_PNG_FILE } from '../../engine/image/png-file'
import { readSmallFile } from '../../engine/files/reading/regular-file'
import { SMALL_FILES } from '../../engine/files/reading/small-files'
import { checkOutput, checkOutputFolder, writeOutput } from '../../engine/files/writing/write-output'
import { DEVICES, type Device } from '../../engine/runtime/providers'
import { cacheFolder } from '../folders'
import { emaOption, predictionOption } from '../options/model-options'
import { collect, count, number, steps, threads } from '../options/option-values'
import { ProgressLine, printResult, runCommand, say, seconds, UsageError, type CommonOptions } from '../output/output'

interface GenerateOptions extends CommonOptions {
  model: string
  base?: string
  vae?: string
  prediction?: PredictionType
  ema?: EmaUse
  embedding: string[]
  prompt: string[]
  negative?: string
  seed: bigint[]
  count: number
  batch?: number
  steps: number
  guidance: number
  size?: Size
  out: string
  device: Device
  scheduler?: string
  sigmas: SigmaChoice
  promptSyntax: PromptSyntax
  clipSkip?: number
  image?: string
  strength?: number
  threads?: number
}

interface Size {
  width: number
  height: number
}

/** A picture that was written. */
interface Written {
  file: string
  prompt: string
  negativePrompt?: string
  settings: Record<string, string>
}

/** The share of the steps that image-to-image runs where nothing is said; diffusers' own. */
const DEFAULT_STRENGTH = 0.8

/** `featurefusion generate`: pictures of any model, from text and, if wanted, from a picture. */
export function addGenerateCommand(program: Command, files: { clipVocabulary: string }): void {
  program
    .command('generate')
    .description('make pictures with a model')
    .requiredOption('--model <path>', 'pipeline folder, component folder, single file or UNet file')
    .option('--base <path>', 'a whole pipeline from which the parts are taken that the model does not have')
    .option('--vae <path>', 'another VAE')
    .addOption(predictionOption())
    .addOption(emaOption())
    .option('--embedding <[token=]file>', 'a textual inversion (.safetensors, .pt, .bin); once for each', collect, [])
    .option('--prompt <text>', 'what to show; once for each', collect, [])
    .option('--negative <text>', 'what not to show')
    .option('--seed <n>', 'seed of the random numbers (default: 0); once for each', addSeed, [])
    .option('--count <n>', 'pictures per prompt and seed, with seeds counting up', count, 1)
    .option('--batch <n>', 'pictures per batch', count)
    .option('--steps <n>', 'denoising steps', steps, 20)
    .option('--guidance <number>', 'guidance scale; up to 1: none', number, 7.5)
    .option('--size <WxH>', "width and height in pixels (default: the model's own size)", size)
    .option('--out <path>', 'a folder, or a .png for one picture', '.')
    .addOption(new Option('--device <name>', 'where networks run').choices(DEVICES).default('auto'))
    .option('--scheduler <name>', `${SCHEDULER_NAMES.join(', ')}, or diffusers' class name (default: the model's own)`)
    .addOption(new Option('--sigmas <kind>', 'spread of the noise levels').choices(SIGMA_CHOICES).default('default'))
    .addOption(
      new Option('--prompt-syntax <kind>', "plain: diffusers' 77 tokens; weighted: (word:1.3), any length")
        .choices(PROMPT_SYNTAXES)
        .default('plain'),
    )
    .option('--clip-skip <n>', "last layers of the text encoder to leave out (diffusers' count)", count)
    .option('--image <png>', 'a picture to start from')
    .option('--strength <number>', `share of the steps that change --image (default: ${DEFAULT_STRENGTH})`, number)
    .option('--threads <n>', 'threads inside an operator', threads)
    .option('--json', 'results as JSON')
    .action((options: GenerateOptions) => runCommand(options, (signal) => generate(options, files, signal)))
}

async function generate(
  options: GenerateOptions,
  files: { clipVocabulary: string },
  signal: AbortSignal,
): Promise<void> {
  const started = performance.now()
  const wanted = pictureRequests(options)
  const { target, write } = await outputOf(options, wanted.length)
  const base = options.base === undefined ? undefined : await openModel(options.base, options)
  const checkpoint = base
    ? await openSpecialist(options.model, () => Promise.resolve(base), readingOf(options))
    : await openModel(options.model, options)
  const vae = options.vae === undefined ? undefined : await openModel(options.vae)
  checkScheduler(options, checkpoint, base)
  for (const notice of [...predictionNotices(checkpoint, base), ...emaNotices(checkpoint)]) say(`Note: ${notice}`)
  const textualInversions = await Promise.all(options.embedding.map(readEmbedding))
  const source = options.image === undefined ? undefined : await readPng(options.image)
  const progress = new ProgressLine()
  progress.show('loading', 0)
  const pipeline = await loadPipeline(checkpoint, {
    device: options.device,
    textualInversions,
    ...files,
    ...(base && { base }),
    ...(vae && { vae }),
    ...(options.threads !== undefined && { threads: options.threads }),
  })
  const loadedAfter = (performance.now() - started) / 1000
  try {
    const request = requestOf(options, wanted, pipeline, source)
    const settings = await settingsOf(options, request, pipeline, weightsFile(checkpoint, base), signal)
    const written: Written[] = []
    const writing: Promise<void>[] = []
    const onPicture = (picture: Picture): void => {
      const file = target(picture)
      const { prompt, negativePrompt, seed, width, height, pixels } = picture
      const text = { prompt, negativePrompt: negativePrompt ?? '', settings: settings(seed) }
      writing.push(write(file, encodePng({ width, height, channels: 3, data: pixels }, text)))
      const negative = negativePrompt === undefined ? {} : { negativePrompt }
      written.push({ file, prompt, ...negative, settings: Object.fromEntries(text.settings) })
    }
    try {
      await pipeline.generate(request, {
        signal,
        onStep: ({ done, total }) => progress.show('drawing', done / total),
        onPicture,
      })
    } finally {
      // Pictures that were finished before a cancel or a fault stay.
      await Promise.all(writing)
    }
    progress.end()
    const secondsInAll = (performance.now() - started) / 1000
    const result = {
      pictures: written,
      provider: pipeline.provider,
      seconds: { loading: loadedAfter, all: secondsInAll },
    }
    printResult(options, result, () => inWords(result))
  } finally {
    progress.end()
    await pipeline.release()
  }
}

function inWords({ pictures, provider, seconds: time }: GenerateResult): string {
  const many = pictures.length === 1 ? '1 picture' : `${pictures.length} pictures`
  const taken = `${seconds(time.all)} (loading ${seconds(time.loading)}) on ${provider}`
  return [...pictures.map(({ file }) => file), `${many} of ${pictures[0]!.settings['Size']} in ${taken}`].join('\n')
}

interface GenerateResult {
  pictures: readonly Written[]
  provider: string
  seconds: { loading: number; all: number }
}

/** Every prompt with every seed. */
function pictureRequests({ prompt, negative, seed, count: seeds }: GenerateOptions): GenerateRequest['pictures'] {
  if (prompt.length === 0) throw new UsageError('Give a prompt: --prompt TEXT.')
  for (const text of prompt) checkPrompt(text)
  if (negative !== undefined) checkPrompt(negative, 'The negative prompt')
  const firsts = seed.length > 0 ? seed : [0n]
  const pictures = prompt.length * firsts.length * seeds
  if (pictures > MOST_PICTURES)
    throw new UsageError(`These are ${pictures} pictures; at most ${MOST_PICTURES} are made at once.`)
  const last = firsts.find((first) => first + BigInt(seeds - 1) > MOST_SEED)
  if (last !== undefined)
    throw new UsageError(`Counting from the seed ${last}, ${seeds} pictures go beyond the last one, ${MOST_SEED}.`)
  return prompt.flatMap((text) =>
    firsts.flatMap((first) =>
      Array.from({ length: seeds }, (_, index) => ({
        prompt: text,
        seed: first + BigInt(index),
        ...(negative !== undefined && { negativePrompt: negative }),
      })),
    ),
  )
}

/** Refuses a scheduler that is not there before minutes of loading. */
function checkScheduler(
  { scheduler, sigmas, steps }: GenerateOptions,
  checkpoint: Checkpoint,
  base?: Checkpoint,
): void {
  const { className, config } = chooseScheduler(schedulerConfigOf(checkpoint, base), scheduler, sigmas)
  createScheduler(className, config, { steps })
}

function requestOf(
  options: GenerateOptions,
  pictures: GenerateRequest['pictures'],
  { nativeSize }: Pipeline,
  source: Pixels | undefined,
): GenerateRequest {
  const { steps, guidance, scheduler, sigmas, promptSyntax, clipSkip, batch } = options
  const { width, height } = options.size ?? source ?? nativeSize
  if (options.strength !== undefined && !source) throw new UsageError('--strength needs a picture: --image FILE.png.')
  const isFitting = source?.width === width && source.height === height
  const image = source && (isFitting ? source : resizeBicubic(source, width, height))
  return {
    pictures,
    steps,
    guidance,
    width,
    height,
    sigmas,
    promptSyntax,
    ...(scheduler !== undefined && { scheduler }),
    ...(clipSkip !== undefined && { clipSkip }),
    ...(batch !== undefined && { batchSize: batch }),
    ...(image && { image: { width, height, pixels: image.data }, strength: options.strength ?? DEFAULT_STRENGTH }),
  }
}

/** What a picture says about its making, by the keys of A1111's web UI. */
async function settingsOf(
  { model, vae }: GenerateOptions,
  { steps, guidance, width, height, sigmas, scheduler, clipSkip, strength }: GenerateRequest,
  pipeline: Pipeline,
  file: string,
  signal: AbortSignal,
): Promise<(seed: number | bigint) => Map<string, string>> {
  const hash = await hashFile(file, { cacheFolder: cacheFolder(), signal })
  const named = { ...(scheduler !== undefined && { scheduler }), ...(sigmas !== undefined && { sigmas }) }
  const { className } = pipeline.chooseScheduler(named)
  return (seed) =>
    new Map([
      ['Steps', String(steps)],
      ['Sampler', scheduler ?? className],
      ...(sigmas !== undefined && sigmas !== 'default' ? ([['Schedule type', capitalised(sigmas)]] as const) : []),
      ['CFG scale', String(guidance)],
      ['Seed', String(seed)],
      ['Size', `${width}x${height}`],
      ['Model hash', shortHash(hash)],
      ['Model', nameOf(model)],
      ...(vae === undefined ? [] : ([['VAE', nameOf(vae)]] as const)),
      // The web UI counts the last layer as 1.
      ...(clipSkip === undefined ? [] : ([['Clip skip', String(clipSkip + 1)]] as const)),
      ...(strength === undefined ? [] : ([['Denoising strength', String(strength)]] as const)),
      ['Version', `FeatureFusion Studio ${version}`],
    ])
}

function capitalised(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1)
}

function nameOf(path: string): string {
  const name = basename(resolve(path))
  return isWeightsName(name) ? basename(name, extname(name)) : name
}

/** The file by whose hash the field knows the model: the one with the denoiser. */
function weightsFile(checkpoint: Checkpoint, base: Checkpoint | undefined): string {
  return requireDenoiser(checkpoint, base).tensors.values().next().value!.stored.path
}

/**
 * The file of each picture: `--out` itself where it names a PNG, which may be replaced; else numbered in the folder, after
 * those that are there.
 * @throws UsageError for several pictures and one file; FusionError 'target'
 */
async function outputOf(
  { out, image }: GenerateOptions,
  pictures: number,
): Promise<{ target: (picture: Picture) => string; write: (file: string, bytes: Uint8Array) => Promise<void> }> {
  const isFile = extname(out).toLowerCase() === '.png'
  const rule = { kind: OWN_PNG_FILE, overwrite: isFile, sources: image === undefined ? [] : [image] }
  const write = (file: string, bytes: Uint8Array): Promise<void> => writeOutput(file, bytes, rule)
  if (isFile) {
    if (pictures > 1) throw new UsageError(`${out} is one file; there are ${pictures} pictures.`, 'Name a folder.')
    await checkOutput(out, rule)
    return { target: () => resolve(out), write }
  }
  const folder = resolve(out)
  await checkOutputFolder(folder)
  const entries = await readdir(folder)
  const numbers = entries.map((name) => Number(/^(\d+)-.*\.png$/.exec(name)?.[1] ?? 0))
  const first = Math.max(0, ...numbers) + 1
  const target = ({ index, seed }: Picture): string =>
    join(folder, `${String(first + index).padStart(5, '0')}-${seed}.png`)
  return { target, write }
}

/** `TOKEN=FILE`, or a file whose own word is used. */
function readEmbedding(text: string): Promise<TextualInversion> {
  const equals = existsSync(text) ? -1 : text.indexOf('=')
  return equals < 0 ? readTextualInversion(text) : readTextualInversion(text.slice(equals + 1), text.slice(0, equals))
}

async function readPng(path: string): Promise<Pixels> {
  const bytes = await readSmallFile(path, SMALL_FILES.picture)
  try {
    return decodePng(bytes)
  } catch (cause) {
    const { kind, message } = toErrorReport(cause)
    throw new FusionError(kind, `${path} cannot be the picture to start from: ${message}`, {
      hint: 'Save the picture as PNG, 8 bits per channel.',
      cause,
    })
  }
}

function size(text: string): Size {
  const match = /^(\d{1,5})(?:x(\d{1,5}))?$/i.exec(text)
  if (!match) throw new InvalidArgumentError('A size is WIDTHxHEIGHT in pixels: 512x768.')
  return { width: Number(match[1]), height: Number(match[2] ?? match[1]) }
}

function addSeed(text: string, before: readonly bigint[]): bigint[] {
  const value = parseSeed(text)
  if (value === null) throw new InvalidArgumentError(`A seed is ${SEED_RANGE}.`)
  return [...before, value]
}
