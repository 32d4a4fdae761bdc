import { resolve } from 'node:path'
import type { Command } from 'commander'
import { outputName, refusePickleEnding } from '../../../contract/document/names/output-name'
import { outputSchema, type Project } from '../../../contract/document/project'
import { planConversion } from '../../../engine/merge/open-model'
import {
  addOutputOptions,
  emaOption,
  outputGiven,
  predictionOption,
  type ModelOptions,
} from '../../options/model-options'
import { threads } from '../../options/option-values'
import { bytes, printResult, runCommand, seconds, type CommonOptions } from '../../output/output'
import { mergeWithProgress, type ProgramFiles } from './merge'

interface ConvertOptions extends CommonOptions, ModelOptions {
  out: string
  overwrite?: boolean
  restart?: boolean
  threads?: number
}

/** `featurefusion convert`: a model in another layout, element type or number of files. */
export function addConvertCommand(program: Command, files: ProgramFiles): void {
  const command = program
    .command('convert <model>')
    .description('write a model in another layout, element type or number of files')
    .requiredOption('--out <path>', 'file or folder to write; a file without an ending gets .safetensors')
    .addOption(predictionOption())
    .addOption(emaOption())
    .option('--overwrite', 'replace a safetensors file or an empty folder at --out; nothing else is replaced')
    .option('--restart', 'begin anew where an earlier conversion to --out was cancelled or killed')
    .option('--threads <n>', 'threads of conversion; the result does not depend on them', threads)
    .option('--json', 'results as JSON')
  addOutputOptions(command)
  command.action((model: string, options: ConvertOptions) =>
    runCommand(options, async (signal) => {
      refusePickleEnding(options.out)
      const reading = { prediction: options.prediction, ema: options.ema } as Pick<Project, 'prediction' | 'ema'>
      const plan = await planConversion(resolve(model), outputSchema.parse(outputGiven(options)), reading)
      const out = outputName(options.out, plan.output.folder)
      const result = await mergeWithProgress(plan, out, 'cpu', files, signal, options)
      const { path, bytes: size, overflowed, resumed } = result
      const data = { path, bytes: size, seconds: result.seconds, overflowed, resumed, warnings: plan.warnings }
      printResult(options, data, () =>
        [
          `Written    ${path} (${bytes(size)}) in ${seconds(result.seconds)}`,
          ...(overflowed.length > 0
            ? [
                `Warning: values in ${overflowed.length} tensors are too large for their type: ${overflowed.join(', ')}.`,
              ]
            : []),
        ].join('\n'),
      )
    }),
  )
}
