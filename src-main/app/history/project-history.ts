import { readMergeText, weightsKey, type MergeSettings } from '../../contract/document/merge-settings'
import { hasModelsOf, isSameFile } from '../../contract/document/names/model-identity'
import { takingPart, type Project } from '../../contract/document/project'
import type { HistoryEntry, HistoryKind, HistoryPage, HistoryRecord } from '../../contract/history'
import type { Picture } from '../../contract/preview'
import { filesBehind, openEither } from '../../engine/merge/open-model'
import type { EventHub } from '../event-hub'
import type { Log } from '../log'
import { knownModelHashes, withHashes } from '../models/model-hash'
import { remembering } from '../models/remembering'
import type { PreviewHistory } from '../previews/preview-history'
import { currentSources, type FilesOf } from '../previews/preview-models'
import { drawnEntry, drawnRuns, type DrawnRun } from './drawn-runs'
import { HistoryFile } from './history-file'
import { drawnText, hasWords, recordText } from './history-search'
import { writtenState } from './written-files'

/** What the history needs of the program. */
export interface HistoryHost {
  readonly events: Pick<EventHub, 'emit'>
  readonly log: Pick<Log, 'add'>
  /** Pictures, and the runs that drew them. */
  readonly history: Pick<PreviewHistory, 'list' | 'run'>
  readonly cache: { readonly folder: string }
  readonly mayRead: (path: string) => Promise<boolean>
}

export interface HistoryQuery {
  search: string
  kind: HistoryKind | null
  /** Milliseconds since 1970. */
  before?: number | undefined
  limit: number
}

/** Something that was made, before it is told. */
interface Told {
  id: string
  time: number
  kind: HistoryKind
  /** What it is of; null: of unmerged models, which the project has. */
  merge: MergeSettings | null
  text: () => string
  entry: () => Promise<HistoryEntry>
}

/** Pictures of one entry that are told: nobody compares more. */
const MOST_TOLD = 500

/**
 * All that was made of a project's models: exports and evaluations, which it keeps, and pictures, which the history of
 * pictures keeps. What is of other models is not told (ADR 16).
 */
export class ProjectHistory {
  /** weightsKey of merges by their texts: pictures have the text of theirs. */
  private readonly keys = new Map<string, string | null>()

  private readonly file: HistoryFile
  private opening: Promise<void> | undefined

  /** @param path of the file that keeps exports and evaluations */
  constructor(
    private readonly program: HistoryHost,
    path: string,
  ) {
    this.file = new HistoryFile(path, (message) => program.log.add('warning', message))
  }

  /** Reads what earlier sessions made when it is first asked for: years of it are no work for the start. */
  private opened(): Promise<void> {
    return (this.opening ??= this.file.open())
  }

  /** Resolves when all is on the disk. */
  async flush(): Promise<void> {
    await this.opening
    await this.file.flush()
  }

  /** Keeps what was made; a disk that refuses it is no reason for a job to fail. */
  async add(record: HistoryRecord): Promise<void> {
    await this.opened()
    await this.file.add(record)
    this.program.events.emit({ type: 'history' })
  }

  /** Takes entries off the list; nothing that was written or drawn goes. */
  async remove(ids: readonly string[]): Promise<void> {
    await this.opened()
    await this.file.remove(ids)
    this.program.events.emit({ type: 'history' })
  }

  /** Newest first. */
  async list(project: Project, { search, kind, before, limit }: HistoryQuery): Promise<HistoryPage> {
    const found = (await this.told(project))
      .filter((one) => (kind === null || one.kind === kind) && (before === undefined || one.time < before))
      .filter(({ text }) => hasWords(text(), search))
      .sort((a, b) => b.time - a.time)
    const entries = await Promise.all(found.slice(0, limit).map(({ entry }) => entry()))
    return { entries, more: found.length > limit, damaged: this.file.damaged }
  }

  /** Of a run, or those that the weights of an entry drew; newest first. None of an entry that has just been removed. */
  async pictures(project: Project, id: string): Promise<Picture[]> {
    await this.opened()
    const pictures = await this.picturesOf(project)
    const drawn = pictures.filter(({ job }) => job === id)
    if (drawn.length > 0) return drawn.slice(0, MOST_TOLD)
    const record = this.file.records.find((one) => one.id === id)
    return record ? this.drawnBy(record.merge, pictures).slice(0, MOST_TOLD) : []
  }

  private async told(project: Project): Promise<Told[]> {
    await this.opened()
    const open = remembering((path) => openEither(path))
    const pictures = await this.picturesOf(project, async (path) => filesBehind(await open(path)))
    const paths = project.models.map(({ path }) => path)
    // A model's hash is that of its weights alone.
    const known = await knownModelHashes(paths, this.program.cache.folder, async (path) => (await open(path)).files)
    // What the files are now: a model that was replaced is another one, whatever the document says.
    const models = withHashes(project.models, known)
    const isOwn = ({ merge }: Pick<Told, 'merge'>): boolean =>
      merge === null || hasModelsOf(takingPart(merge.models), models, isSameFile)
    const runs = drawnRuns(pictures, (id) => this.program.history.run(id) ?? null)
    return [
      ...runs.filter(({ id }) => !this.file.isRemoved(id)).map(toldRun),
      ...this.file.records.map((record) => this.toldRecord(record, pictures)),
    ].filter(isOwn)
  }

  private toldRecord(record: HistoryRecord, pictures: readonly Picture[]): Told {
    const { id, time, kind, merge } = record
    return {
      ...{ id, time, kind, merge },
      text: () => recordText(record),
      entry: async () => {
        const picture = this.drawnBy(record.merge, pictures)[0]?.url ?? null
        if (record.kind === 'evaluation') return { ...record, picture }
        const file = await writtenState(record, this.program.mayRead)
        return { ...record, file, picture: record.written.thumbnail ?? picture }
      },
    }
  }

  private async picturesOf({ models }: Project, files?: FilesOf): Promise<Picture[]> {
    return this.program.history.list(undefined, Infinity, await currentSources(models, files))
  }

  /** Pictures that a merge of the same weights drew. */
  private drawnBy(merge: MergeSettings, pictures: readonly Picture[]): Picture[] {
    const key = weightsKey(merge)
    return pictures.filter(({ merge: text }) => text !== null && this.keyOf(text) === key)
  }

  private keyOf(text: string): string | null {
    if (!this.keys.has(text)) {
      const merge = readMergeText(text)
      this.keys.set(text, merge && weightsKey(merge))
    }
    return this.keys.get(text)!
  }
}

function toldRun(run: DrawnRun): Told {
  const entry = drawnEntry(run)
  const { id, time, kind, merge, drawn, labels } = entry
  const words = labels ? [...labels.x, ...labels.y, ...labels.z] : []
  return { id, time, kind, merge, text: () => drawnText(merge, drawn, words), entry: () => Promise.resolve(entry) }
}
