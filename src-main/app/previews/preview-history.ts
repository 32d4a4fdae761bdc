import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { z } from 'zod'
import { FusionError } from '../../contract/errors'
import {
  pictureRunSchema,
  pictureSchema,
  type Picture,
  type PictureRun,
  type PictureSource,
} from '../../contract/preview'
import type { ScorerName } from '../../contract/evaluate/scores/scorers'
import { unreadable } from '../../engine/files/reading/file-errors'
import { PNG_FILE } from '../../engine/image/png-file'
import { makePrivateFolder } from '../../engine/files/writing/permissions'
import { writeOutput } from '../../engine/files/writing/write-output'
import { readSmallFile } from '../../engine/files/reading/regular-file'
import { SMALL_FILES } from '../../engine/files/reading/small-files'
import { readJsonFile, writeJsonFile } from '../files/json-file'

/** Files that are open at once, far below what systems allow. */
const READ_TOGETHER = 64
/** Runs whose plan is kept; older ones are told by their pictures. */
const KEPT_RUNS = 200

/** What pictures are of, as the project has it now. */
export type CurrentSources = readonly Pick<PictureSource, 'path' | 'state'>[]

/** Pictures that were made, each a PNG and a JSON beside it, so that a crash loses none that was shown. */
export class PreviewHistory {
  /** Newest first. */
  private pictures: Picture[] = []
  private runs: PictureRun[] = []
  private readonly sheets = new Set<string>()

  private constructor(readonly folder: string) {}

  static async open(folder: string): Promise<PreviewHistory> {
    const history = new PreviewHistory(folder)
    makePrivateFolder(folder)
    makePrivateFolder(history.runFolder)
    history.pictures = newestFirst(await readAll(folder, pictureSchema))
    history.runs = newestFirst(await readAll(history.runFolder, pictureRunSchema))
    await history.forgetRuns(history.runs.slice(KEPT_RUNS))
    return history
  }

  /** Where a picture's PNG lies. */
  file(id: string): string {
    return join(this.folder, `${id}.png`)
  }

  async add(picture: Picture): Promise<void> {
    this.pictures.unshift(picture)
    await writeJsonFile(join(this.folder, `${picture.id}.json`), picture)
  }

  /** Keeps what a scorer says of a picture. @returns the picture with it; null where it is gone */
  async addScore(id: string, scorer: ScorerName, score: number): Promise<Picture | null> {
    const place = this.pictures.findIndex((picture) => picture.id === id)
    const known = this.pictures[place]
    if (!known) return null
    const picture = { ...known, scores: { ...known.scores, [scorer]: score } }
    this.pictures[place] = picture
    await writeJsonFile(join(this.folder, `${id}.json`), picture)
    if (this.pictures.some((kept) => kept.id === id)) return picture
    await rm(join(this.folder, `${id}.json`), { force: true }) // it was forgotten while it was written
    return null
  }

  async addRun(run: PictureRun): Promise<void> {
    this.runs.unshift(run)
    await writeJsonFile(this.runFile(run), run)
  }

  /**
   * Newest first, older than `before`.
   * @param models where given: only pictures of these
   */
  list(before: number | undefined, limit: number, models?: CurrentSources): Picture[] {
    const isWanted = ({ time, sources }: Picture): boolean =>
      (before === undefined || time < before) && (models === undefined || areOf(sources, models))
    return this.pictures.filter(isWanted).slice(0, limit)
  }

  /** A picture of pictures, which can be saved as they are. */
  addSheet(id: string): void {
    this.sheets.add(id)
  }

  run(id: string): PictureRun | undefined {
    return this.runs.find((run) => run.id === id)
  }

  /** The runs of these models, newest first. */
  runsOf(models: CurrentSources): PictureRun[] {
    return this.runs.filter(({ sources }) => areOf(sources, models))
  }

  /** The newest merge of these models that is another than this one. */
  lastOtherMerge(merge: string, paths: readonly string[]): string | null {
    const isOther = (picture: Picture): boolean =>
      picture.merge !== null && picture.merge !== merge && picture.sources.every(({ path }) => paths.includes(path))
    return this.pictures.find(isOther)?.merge ?? null
  }

  async forget(ids: readonly string[]): Promise<void> {
    const gone = this.pictures.filter(({ id }) => ids.includes(id))
    this.pictures = this.pictures.filter(({ id }) => !ids.includes(id))
    for (const { id } of gone) {
      await rm(join(this.folder, `${id}.json`), { force: true })
      await rm(this.file(id), { force: true })
    }
  }

  /**
   * @param overwrite whether a picture at `path` may be replaced, unless it lies in one of `sources`
   * @throws FusionError 'not-found', 'target'
   */
  async saveAs(id: string, path: string, overwrite: boolean, sources: readonly string[] = []): Promise<void> {
    if (!this.sheets.has(id) && !this.pictures.some((picture) => picture.id === id)) {
      throw new FusionError('not-found', `There is no picture ${id}.`)
    }
    const bytes = await readSmallFile(this.file(id), SMALL_FILES.picture).catch((cause: unknown) => {
      throw unreadable(this.file(id), cause)
    })
    await writeOutput(path, bytes, { kind: PNG_FILE, overwrite, sources })
  }

  private get runFolder(): string {
    return join(this.folder, 'runs')
  }

  private runFile({ id }: PictureRun): string {
    return join(this.runFolder, `${id}.json`)
  }

  private async forgetRuns(runs: readonly PictureRun[]): Promise<void> {
    this.runs = this.runs.filter((run) => !runs.includes(run))
    for (const run of runs) await rm(this.runFile(run), { force: true })
  }
}

/** Whether pictures of some models are of a project's: all of them are there, as they were, with the same base. */
function areOf(sources: readonly PictureSource[], models: CurrentSources): boolean {
  if (sources.length === 0 || sources[0]!.path !== models[0]?.path) return false
  return sources.every(({ path, state }) => models.some((model) => model.path === path && model.state === state))
}

/** Every JSON file of a folder that is what the schema says. */
async function readAll<Schema extends z.ZodType>(folder: string, schema: Schema): Promise<z.output<Schema>[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.json'))
  const found: z.output<Schema>[] = []
  for (let first = 0; first < names.length; first += READ_TOGETHER) {
    const some = names.slice(first, first + READ_TOGETHER)
    const read = await Promise.all(some.map((name) => readJsonFile(join(folder, name), schema)))
    found.push(...read.filter((entry) => entry !== null))
  }
  return found
}

function newestFirst<Entry extends { time: number }>(entries: Entry[]): Entry[] {
  return entries.sort((a, b) => b.time - a.time)
}
