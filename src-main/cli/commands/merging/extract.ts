import { resolve } from 'node:path'
import { InvalidArgumentError, Option, type Command } from 'commander'
import { outputName } from '../../../contract/document/names/output-name'
import type { EmaUse } from '../../../contract/document/project'
import { openModel, openSpecialist } from '../../../engine/merge/open-model'
import { extractLora, type Extraction } from '../../../engine/extract/extract-lora'
import { LORA_FORMATS, LORA_TYPES, type LoraFormat } from '../../../contract/adapter-files'
import { LORA_COMPONENTS, type LoraComponent } from '../../../engine/extract/lora-names'
import type { Kept } from '../../../engine/linear-algebra/truncated-svd'
import { cacheFolder } from '../../folders'
import { emaOption } from '../../options/model-options'
import { count, part, threads } from '../../options/option-values'
import { loraInWords, percent, shownNames } from '../../output/lora-output'
import { lines, ProgressLine, printResult, runCommand, say, UsageError, type CommonOptions } from '../../output/output'

interface ExtractCommandOptions extends CommonOptions {
  base: string
  specialist: string
  rank?: number
  energy?: number
  convRank?: number
  norms?: boolean
  format: LoraFormat
  dtype: keyof typeof LORA_TYPES
  include?: LoraComponent[]
  ema?: EmaUse
  out: string
  overwrite?: boolean
  threads?: number
}

/** `featurefusion extract`: what a specialist changed of its base, as a LoRA. */
export function addExtractCommand(program: Command, { extractFile: processFile }: { extractFile: URL | null }): void {
  program
    .command('extract')
    .description('write what a specialist (or a merge) changed of its base as a LoRA, and how much of it is lost')
    .requiredOption('--base <path>', 'the base model')
    .requiredOption(
      '--specialist <path>',
      'the model to extract from: a specialist, a merge, or an adapter on the base',
    )
    .option('--rank <n>', 'rank of every layer', count)
    .option('--energy <part>', 'instead of a rank: the part of the change to keep, 0 … 1; ranks follow from it', part)
    .option('--conv-rank <n>', 'rank of convolutions larger than 1 × 1, where it differs', count)
    .option(
      '--norms',
      'write changes of norms and biases too, whole, as LyCORIS does (w_norm, b_norm; diff_b for biases of layers)',
    )
    .addOption(new Option('--format <naming>', 'names in the file').choices(LORA_FORMATS).default('kohya'))
    .addOption(
      new Option('--dtype <type>', 'element type of the factors').choices(Object.keys(LORA_TYPES)).default('fp16'),
    )
    .option(
      '--include <parts>',
      'parts to extract, by commas: unet,text_encoder,text_encoder_2 (default: all that both models have)',
      parts,
    )
    .addOption(emaOption())
    .requiredOption('--out <file>', 'the file to write; without an ending it gets .safetensors')
    .option('--overwrite', 'replace an adapter (LoRA …) at --out, or an empty file; nothing else is replaced')
    .option('--threads <n>', 'layers that are worked on at the same time; the result does not depend on it', threads)
    .option('--json', 'results as JSON')
    .action((options: ExtractCommandOptions) => runCommand(options, (signal) => run(options, processFile, signal)))
}

async function run(options: ExtractCommandOptions, processFile: URL | null, signal: AbortSignal): Promise<void> {
  const started = performance.now()
  const { rank, energy, convRank, format, include, overwrite = false } = options
  if ((rank === undefined) === (energy === undefined)) throw new UsageError('Give either --rank or --energy.')
  if (options.norms && format === 'peft')
    throw new UsageError("PEFT's naming has no form for changes of norms and biases.", 'Use --format kohya.')
  const out = outputName(options.out, false)
  const kept: Kept = rank === undefined ? { energy: energy! } : { rank }
  const reading = options.ema === undefined ? {} : { ema: options.ema }
  const base = await openModel(resolve(options.base), reading)
  const specialist = await openSpecialist(resolve(options.specialist), () => Promise.resolve(base), reading)
  const progress = new ProgressLine()
  try {
    const result = await extractLora(base, specialist, {
      path: out,
      overwrite,
      format,
      type: LORA_TYPES[options.dtype],
      kept,
      norms: options.norms === true,
      ...(convRank !== undefined && { convolutionsKept: { rank: convRank } }),
      ...(include && { include }),
      ...(options.threads !== undefined && { threads: options.threads }),
      ...(processFile && { processFile }),
      cacheFolder: cacheFolder(),
      signal,
      onProgress: (fraction) => progress.show('extracting', fraction),
    })
    progress.end()
    for (const { message } of specialist.problems) say(message)
    for (const note of result.notes) say(note)
    const data = { path: resolve(out), ...result, seconds: (performance.now() - started) / 1000 }
    printResult(options, data, () => inWords(data))
  } finally {
    progress.end()
  }
}

function parts(text: string): LoraComponent[] {
  return [...new Set(text.split(','))].map((name) => {
    const known = LORA_COMPONENTS.find((component) => component === name)
    if (!known) throw new InvalidArgumentError(`${name} is none of ${LORA_COMPONENTS.join(', ')}.`)
    return known
  })
}

function inWords(result: Extraction & { path: string; seconds: number }): string {
  const { unchanged, whole, leftOut, leftOutPart } = result
  return lines([
    ...loraInWords(result, "the layers' change"),
    ...(unchanged.length > 0
      ? [`Left out, since the specialist did not change them: ${unchanged.length} layers.`]
      : []),
    ...(whole.length > 0 ? [`Changes of norms and biases, whole: ${whole.length} tensors.`] : []),
    ...(leftOut.length > 0
      ? [
          `Changed, but left out (biases and norms without --norms, embeddings): ${leftOut.length} tensors, ${percent(leftOutPart)} of the whole change's length: ${shownNames(leftOut)}.`,
        ]
      : []),
  ])
}
