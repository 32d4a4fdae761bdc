import type { Command } from 'commander'
import { figure } from '../../../contract/values/figures'
import { ARCHITECTURES } from '../../../engine/checkpoint/identify/architectures'
import { describeCheckpoint, type AdapterFacts, type CheckpointSummary } from '../../../engine/checkpoint/describe'
import { hashFile } from '../../../engine/checkpoint/hash'
import { describeAdapter } from '../../../engine/adapters/describe-adapter'
import { openEither } from '../../../engine/merge/open-model'
import { cacheFolder } from '../../folders'
import { bytes, ProgressLine, printResult, runCommand, type CommonOptions, lines } from '../../output/output'

interface OpenOptions extends CommonOptions {
  hash: boolean
}

/** `featurefusion open`: what is this file or folder? From headers alone; hashes are computed unless --no-hash. */
export function addOpenCommand(program: Command): void {
  program
    .command('open <path...>')
    .description('say what checkpoints are: architecture, layout, element type, hashes, problems')
    .option('--no-hash', 'do not compute hashes that are not known yet')
    .option('--json', 'results as JSON')
    .action((paths: string[], options: OpenOptions) =>
      runCommand(options, async (signal) => {
        const summaries: CheckpointSummary[] = []
        for (const path of paths) {
          const opened = await openEither(path)
          if (options.hash) {
            const progress = new ProgressLine()
            for (const { path: file } of opened.files) {
              await hashFile(file, {
                cacheFolder: cacheFolder(),
                signal,
                onProgress: (done, total) => progress.show('hashing', total > 0 ? done / total : 1),
              })
            }
            progress.end()
          }
          const known = { cacheFolder: cacheFolder() }
          summaries.push(
            await ('modules' in opened ? describeAdapter(opened, known) : describeCheckpoint(opened, known)),
          )
        }
        printResult(options, summaries, () => summaries.map(summaryInWords).join('\n\n'))
      }),
    )
}

function modelInWords({ architecture, predictionType, layout }: CheckpointSummary): string {
  return `  ${ARCHITECTURES[architecture].title}${predictionType ? `, predicts ${predictionType}` : ''}; ${layout}`
}

function adapterInWords({ kind, modules, ranks, alphas, base, triggerWords }: AdapterFacts): string[] {
  const numbers = (name: string, values: readonly number[]): string[] =>
    values.length > 0 ? [`${name} ${values.map((value) => figure(value, 4)).join(', ')}`] : []
  return [
    `  ${[kind, ...numbers('rank', ranks), ...numbers('alpha', alphas)].join(', ')}; changes ${modules} modules of a model`,
    ...(base === null ? [] : [`  made for: ${base}`]),
    ...(triggerWords.length > 0 ? [`  trigger words: ${triggerWords.join(', ')}`] : []),
  ]
}

/** A checkpoint or an adapter, for people. */
export function summaryInWords(summary: CheckpointSummary): string {
  const { components, elementTypes, files, problems, recipe, leftAside } = summary
  const types = Object.entries(elementTypes).map(([type, count]) => `${type} (${count} tensors)`)
  const millions = (count: number): string => `${(count / 1e6).toFixed(2)} M parameters`
  return lines([
    summary.path,
    ...(summary.adapter ? adapterInWords(summary.adapter) : [modelInWords(summary)]),
    ...components.map(({ name, parameters, tensors }) => `  ${name}: ${millions(parameters)} in ${tensors} tensors`),
    ...leftAside.map((group) => `  beside them: ${group}`),
    `  ${types.join(', ')}; ${bytes(summary.size)}`,
    ...files.map(({ path, sha256, shortHash }) =>
      sha256 === null ? `  ${path}: hash not computed` : `  ${path}: [${shortHash}] sha256 ${sha256}`,
    ),
    ...(recipe ? [`  has a merge recipe (${Object.keys(recipe).join(', ')})`] : []),
    ...problems.map(({ severity, message }) => `  ${severity === 'error' ? 'Problem' : 'Note'}: ${message}`),
  ])
}
