import { join, resolve } from 'node:path'
import { Option, type Command } from 'commander'
import { DATA_FILES } from '../../../app/files/data-files'
import { ProjectHistory, type HistoryQuery } from '../../../app/history/project-history'
import { PreviewHistory } from '../../../app/previews/preview-history'
import { takingPart, type Project } from '../../../contract/document/project'
import type { MergeSettings } from '../../../contract/document/merge-settings'
import { HISTORY_KINDS, type HistoryEntry, type HistoryKind, type HistoryPage } from '../../../contract/history'
import { entrySentence } from '../../../contract/history-words'
import { methodWords } from '../../../contract/methods/words'
import { formatDate, listOf } from '../../../contract/values/format'
import { variantLabel } from '../../../contract/values/variant'
import { isThere } from '../../../engine/files/reading/regular-file'
import { readProject } from '../../../project/project-file'
import { cacheFolder, dataFolder } from '../../folders'
import { count } from '../../options/option-values'
import { bytes, lines, printResult, runCommand, say, table, UsageError, type CommonOptions } from '../../output/output'

interface HistoryOptions extends CommonOptions {
  kind?: HistoryKind
  search?: string
  limit: number
  results?: string
}

/** Characters of an entry's name that are shown, and are enough to name it. */
const SHORT_ID = 8

/** `featurefusion history`: what was made of a project's models, as the window's History lists it. */
export function addHistoryCommand(program: Command): void {
  program
    .command('history <project> [entry]')
    .description(
      "list what was made of a project's models in the window, newest first: exports, pictures, grids, evaluations; or say how one entry was made",
    )
    .addOption(new Option('--kind <name>', 'entries of one kind').choices(HISTORY_KINDS))
    .option('--search <words>', 'entries with all of these words')
    .option('--limit <n>', 'at most so many', count, 20)
    .option('--results <dir>', 'where the window keeps its results: the folder of serve --data')
    .option('--json', 'results as JSON')
    .action((path: string, entry: string | undefined, options: HistoryOptions) =>
      runCommand(options, async () => {
        const project = await readProject(resolve(path))
        const kept = options.results === undefined ? dataFolder() : resolve(options.results)
        if (entry !== undefined) {
          const found = await entryNamed(entry, project, kept)
          return printResult(options, found, () => entryInWords(found))
        }
        const { kind = null, search = '', limit } = options
        const page = await listed(project, kept, { kind, search, limit })
        if (page.damaged > 0) say(`Note: ${page.damaged} damaged lines are left out.`)
        printResult(options, page, () => pageInWords(page))
      }),
    )
}

async function listed(project: Project, kept: string, query: HistoryQuery): Promise<HistoryPage> {
  const pictures = join(kept, DATA_FILES.pictures)
  const program = {
    events: { emit: () => undefined },
    log: { add: () => undefined },
    // Opening it would make the folder.
    history: isThere(pictures) ? await PreviewHistory.open(pictures) : { list: () => [], run: () => undefined },
    cache: { folder: cacheFolder() },
    mayRead: () => Promise.resolve(true),
  }
  return new ProjectHistory(program, join(kept, DATA_FILES.history)).list(project, query)
}

async function entryNamed(name: string, project: Project, kept: string): Promise<HistoryEntry> {
  const { entries } = await listed(project, kept, { kind: null, search: '', limit: Infinity })
  const [found, ...others] = entries.filter(({ id }) => id.startsWith(name))
  if (found && others.length === 0) return found
  throw new UsageError(
    found ? `More than one entry begins with ${name}.` : `The history of this project has no entry ${name}.`,
    'featurefusion history PROJECT lists them.',
  )
}

function pageInWords({ entries, more }: HistoryPage): string {
  if (entries.length === 0) return 'Nothing that fits was made of the models of this project.'
  const rows = entries.map((entry) => [entry.id.slice(0, SHORT_ID), formatDate(entry.time), entrySentence(entry)])
  const list = table([['entry', 'when', 'what'], ...rows])
  return more ? `${list}\nThere are older ones: --limit shows more.` : list
}

function entryInWords(entry: HistoryEntry): string {
  return lines([
    entrySentence(entry),
    `Made      ${formatDate(entry.time)}`,
    ...(entry.merge ? mergeInWords(entry.merge) : ['Models    as they are']),
    ...resultInWords(entry),
  ])
}

function mergeInWords({ models, method }: MergeSettings): string[] {
  return [
    `Method    ${methodWords(method)}`,
    ...takingPart(models).map(({ name, path, weight, blocks }, index) => {
      const own = Object.entries(blocks).map(([block, its]) => `, ${block} ${its}`)
      return `${index === 0 ? 'Base      ' : 'Model     '}${name}, weight ${weight}${own.join('')}: ${path}`
    }),
  ]
}

function resultInWords(entry: HistoryEntry): string[] {
  if (entry.kind === 'merge') {
    const state = { there: '', changed: ' (changed since)', gone: ' (gone)', unknown: '' }[entry.file]
    const hashes = entry.files.flatMap(({ path, sha256 }) => (sha256 === null ? [] : [`sha256    ${sha256} ${path}`]))
    return [`Written   ${entry.path}, ${bytes(entry.bytes)}${state}`, ...hashes]
  }
  if (entry.kind === 'evaluation') return [`Pictures  ${entry.folder}, ${entry.split}`]
  const { prompts, negativePrompt, seeds, steps, guidance, scheduler, variants = [] } = entry.drawn
  return [
    ...prompts.map((prompt) => `Prompt    ${prompt}`),
    ...(negativePrompt === '' ? [] : [`Negative  ${negativePrompt}`]),
    `Drawn     seeds ${seeds.join(', ')}, ${steps} steps, guidance scale ${guidance}, ${scheduler}`,
    ...(variants.length === 0 ? [] : [`By        ${listOf(variants.map(variantLabel))}`]),
  ]
}
