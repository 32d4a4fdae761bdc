import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { FusionError } from '../../contract/errors'
import { pictureSchema, type Picture } from '../../contract/preview'
import { unreadable } from '../../engine/files/reading/file-errors'
import { PNG_FILE } from '../../engine/files/writing/file-kinds'
import { makePrivateFolder } from '../../engine/files/writing/private'
import { writeOutput } from '../../engine/files/writing/write-output'
import { readSmallFile } from '../../engine/files/reading/regular-file'
import { SMALL_FILES } from '../../engine/files/reading/small-files'
import { readJsonFile, writeJsonFile } from '../files/json-file'

/** Files that are open at once, far below what systems allow. */
const READ_TOGETHER = 64

/** Pictures that were made, each a PNG and a JSON beside it, so that a crash loses none that was shown. */
export class PreviewHistory {
  /** Newest first. */
  private pictures: Picture[] = []

  private constructor(readonly folder: string) {}

  static async open(folder: string): Promise<PreviewHistory> {
    const history = new PreviewHistory(folder)
    makePrivateFolder(folder)
    const names = (await readdir(folder)).filter((name) => name.endsWith('.json'))
    const found: Picture[] = []
    for (let first = 0; first < names.length; first += READ_TOGETHER) {
      const some = names.slice(first, first + READ_TOGETHER)
      const read = await Promise.all(some.map((name) => readJsonFile(join(folder, name), pictureSchema)))
      found.push(...read.filter((picture) => picture !== null))
    }
    history.pictures = found.sort((a, b) => b.time - a.time)
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

  /** Newest first, older than `before`. */
  list(before: number | undefined, limit: number): Picture[] {
    return this.pictures.filter(({ time }) => before === undefined || time < before).slice(0, limit)
  }

  /** The newest merge that is another than this one. */
  lastOtherMerge(merge: string): string | null {
    return this.pictures.find((picture) => picture.merge !== null && picture.merge !== merge)?.merge ?? null
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
    if (!this.pictures.some((picture) => picture.id === id)) {
      throw new FusionError('not-found', `There is no picture ${id}.`)
    }
    const bytes = await readSmallFile(this.file(id), SMALL_FILES.picture).catch((cause: unknown) => {
      throw unreadable(this.file(id), cause)
    })
    await writeOutput(path, bytes, { kind: PNG_FILE, overwrite, sources })
  }
}
