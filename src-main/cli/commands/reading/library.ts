import { resolve } from 'node:path'
import { Option, type Command } from 'commander'
import { DataLock } from '../../../app/files/data-lock'
import { FusionError } from '../../../contract/errors'
import {
  BASE_FAMILIES,
  filterLibrary,
  isHashable,
  kindInWords,
  LIBRARY_KINDS,
  LIBRARY_SORTS,
  PROGRAM_TITLES,
  sortLibrary,
  type BaseFamily,
  type LibraryEntry,
  type LibraryFolder,
  type LibraryKind,
  type LibrarySort,
} from '../../../contract/library'
import { hashFile, shortHash } from '../../../engine/checkpoint/hash'
import { listModels } from '../../../engine/library/list-models'
import { cacheFolder, dataFolder } from '../../folders'
import { oneOf } from '../../options/option-values'
import {
  bytes,
  lines,
  ProgressLine,
  printResult,
  runCommand,
  say,
  table,
  type CommonOptions,
} from '../../output/output'
import { libraryFolders, openSettings } from '../../settings'

interface LibraryOptions extends CommonOptions {
  search?: string
  kind: LibraryKind[]
  base: (BaseFamily | null)[]
  sort: LibrarySort
  hash?: boolean
  remember?: boolean
}

const UNKNOWN = 'unknown'

/** `featurefusion library`: the models in folders of other programs, from headers alone. */
export function addLibraryCommand(program: Command): void {
  program
    .command('library [folder...]')
    .description(
      "list the models in folders: of A1111's web UI, Forge, ComfyUI (with its extra_model_paths.yaml), InvokeAI, Hugging " +
        "Face's cache, or any other; without a folder, in those that the window's library has and in Hugging Face's cache",
    )
    .option('--search <text>', 'only those with all of these words in name, path, kind, base or hash')
    .addOption(
      new Option('--kind <kind>', `only this kind: ${LIBRARY_KINDS.join(', ')}; can be given more than once`)
        .default([])
        .argParser(oneOf(LIBRARY_KINDS)),
    )
    .addOption(
      new Option(
        '--base <base>',
        `only of this base: ${[...BASE_FAMILIES, UNKNOWN].join(', ')}; can be given more than once`,
      )
        .default([])
        .argParser((value: string, previous: (BaseFamily | null)[]) => {
          if (value === UNKNOWN) return [...previous, null]
          return [...previous, ...oneOf(BASE_FAMILIES)(value, [])]
        }),
    )
    .addOption(new Option('--sort <by>', 'what comes first').choices(LIBRARY_SORTS).default('name'))
    .option('--hash', 'compute the hashes of the listed files that are not known yet')
    .option('--remember', "keep the folders: for the next time, and for the window's library")
    .option('--json', 'results as JSON')
    .action((folders: string[], options: LibraryOptions) =>
      runCommand(options, async (signal) => {
        const named = folders.map((folder) => resolve(folder))
        if (options.remember) await rememberFolders(named)
        const looked = named.length > 0 ? named : await knownFolders()
        const progress = new ProgressLine()
        const listing = await listModels(looked, {
          cacheFolder: cacheFolder(),
          signal,
          onProgress: (done, total) => progress.show('reading headers', done / total),
        })
        progress.end()
        requireOne(listing.folders)
        const { search, kind: kinds, base: bases, sort } = options
        const wanted = sortLibrary(
          filterLibrary(listing.entries, { ...(search !== undefined && { search }), kinds, bases }),
          sort,
        )
        const entries = options.hash ? await hashed(wanted, signal) : wanted
        for (const note of [...listing.folders.flatMap(({ problem }) => problem ?? []), ...listing.notes])
          say(`Note: ${note}`)
        const result = { folders: listing.folders, entries, notes: listing.notes }
        printResult(options, result, () => inWords(entries, listing.entries.length, listing.folders))
      }),
    )
}

/** @throws FusionError 'not-found' */
async function knownFolders(): Promise<string[]> {
  const folders = await libraryFolders()
  if (folders.length > 0) return folders
  throw new FusionError('not-found', 'The library has no folders yet.', {
    hint: 'Name some: featurefusion library FOLDER … ; --remember keeps them.',
  })
}

/** @throws FusionError 'target' while the window, or `serve`, is open: it has the settings */
async function rememberFolders(folders: readonly string[]): Promise<void> {
  const hint = "Add the folders in its window (Models, 'Add models'), or end it first."
  const lock = await DataLock.acquire(dataFolder(), 'featurefusion library', { hint })
  try {
    const settings = await openSettings()
    await settings.set({ modelFolders: [...new Set([...settings.value.modelFolders, ...folders])] })
  } finally {
    await lock.release()
  }
}

/** Where no folder can be listed, the command has failed. */
function requireOne(folders: readonly LibraryFolder[]): void {
  const problems = folders.map(({ problem }) => problem)
  const [first] = problems
  if (first != null && problems.every((problem) => problem !== null)) {
    throw new FusionError('unreadable', first, { hint: 'Name a folder that is there and may be read.' })
  }
}

async function hashed(entries: readonly LibraryEntry[], signal: AbortSignal): Promise<LibraryEntry[]> {
  const progress = new ProgressLine()
  const found: LibraryEntry[] = []
  for (const entry of entries) {
    if (!isHashable(entry) || entry.sha256 !== null) found.push(entry)
    else {
      const sha256 = await hashFile(entry.path, {
        cacheFolder: cacheFolder(),
        signal,
        onProgress: (done, total) => progress.show(`hashing ${entry.name}`, total > 0 ? done / total : 1),
      })
      found.push({ ...entry, sha256, shortHash: shortHash(sha256) })
    }
  }
  progress.end()
  return found
}

function inWords(entries: readonly LibraryEntry[], all: number, folders: readonly LibraryFolder[]): string {
  const readable = entries.filter(({ problem }) => problem === null)
  const others = entries.flatMap(({ problem }) => problem ?? [])
  const rows = readable.map((entry) => [
    ...[entry.name, kindInWords(entry), entry.baseTitle ?? '', bytes(entry.size), date(entry.time)],
    ...[entry.shortHash ?? '', entry.path],
  ])
  const header = ['name', 'kind', 'base', 'size', 'modified', 'hash', 'path']
  return [
    ...(rows.length > 0 ? [table([header, ...rows])] : []),
    lines([
      ...(others.length > 0 ? ['Unreadable:', ...others.map((problem) => `  ${problem}`)] : []),
      `${entries.length} of ${all} models in ${folders.map(folderInWords).join(', ')}.`,
    ]),
  ].join('\n')
}

function folderInWords({ path, program }: LibraryFolder): string {
  return program === null || program === 'folder' ? path : `${path} (${PROGRAM_TITLES[program]})`
}

function date(milliseconds: number): string {
  return milliseconds === 0 ? '' : new Date(milliseconds).toISOString().slice(0, 10)
}
