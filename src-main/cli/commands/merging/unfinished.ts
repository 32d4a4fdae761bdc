import type { Command } from 'commander'
import { FusionError } from '../../../contract/errors'
import {
  removeUnfinished,
  unfinishedExport,
  unfinishedExports,
  type PartialExport,
} from '../../../engine/merge/resume/unfinished-exports'
import { cacheFolder } from '../../folders'
import { bytes, lines, printResult, runCommand, table, type CommonOptions } from '../../output/output'

/** `featurefusion unfinished`: what cancelled and killed exports have left, to be continued or removed. */
export function addUnfinishedCommand(program: Command): void {
  program
    .command('unfinished [exports...]')
    .description(
      'list exports that were cancelled or killed, or what is left at these targets; the same export again continues one',
    )
    .option('--remove', 'remove what is left at the named targets')
    .option('--json', 'results as JSON')
    .action((paths: string[], options: CommonOptions & { remove?: boolean }) =>
      runCommand(options, async () => {
        if (options.remove) return remove(paths, options)
        const found = paths.length === 0 ? await unfinishedExports(cacheFolder()) : await at(paths)
        printResult(options, { unfinished: found }, () => inWords(found))
      }),
    )
}

async function at(paths: readonly string[]): Promise<PartialExport[]> {
  return (await Promise.all(paths.map(unfinishedExport))).filter((one) => one !== null)
}

async function remove(paths: readonly string[], options: CommonOptions): Promise<void> {
  if (paths.length === 0) {
    throw new FusionError('validation', 'Name the exports of which the rest is to be removed.', {
      hint: 'featurefusion unfinished lists them.',
    })
  }
  const removed: PartialExport[] = []
  for (const path of paths) {
    const gone = await removeUnfinished(cacheFolder(), path)
    if (!gone) throw new FusionError('not-found', `Nothing unfinished is left of ${path}, or it is being written.`)
    removed.push(gone)
  }
  printResult(options, { removed }, () =>
    lines(removed.map(({ partialPath, bytes: size }) => `Removed ${partialPath} (${bytes(size)})`)),
  )
}

function inWords(found: readonly PartialExport[]): string {
  if (found.length === 0) return 'No export is unfinished.'
  return table([
    ['export', 'on disk', 'last written'],
    ...found.map(({ path, bytes: size, time }) => [path, bytes(size), new Date(time).toISOString().slice(0, 16)]),
  ])
}
