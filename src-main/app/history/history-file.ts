import { appendFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { z } from 'zod'
import { FusionError } from '../../contract/errors'
import { historyRecordSchema, type HistoryRecord } from '../../contract/history'
import { parseJson } from '../../contract/values/json-text'
import { readSmallText } from '../../engine/files/reading/regular-file'
import { SMALL_FILES } from '../../engine/files/reading/small-files'
import { makePrivateFolder, PRIVATE_FILE } from '../../engine/files/writing/permissions'
import { writeWhole } from '../../engine/files/writing/write-whole'

/** A line that takes an entry off the list: one of this file, or a run of pictures, which are kept elsewhere. */
const removedSchema = z.object({ kind: z.literal('removed'), id: z.string() })
const lineSchema = z.union([historyRecordSchema, removedSchema])
type Line = z.infer<typeof lineSchema>

export interface HistoryBounds {
  /** Lines that are kept; the oldest ones go. */
  lines: number
  /** Characters that are kept, but always the newest line. */
  characters: number
}

/** Years of use; every line has a whole recipe, some 10 KB, more where a thumbnail is embedded. */
const BOUNDS: HistoryBounds = { lines: 5000, characters: 64e6 }
/** Above its bounds by as much, the file is written anew: not with every line. */
const SLACK = 1.25

/** JSON lines that are only appended: what was exported and evaluated, and what people took off the list. */
export class HistoryFile {
  private lines: { line: Line; text: string }[] = []
  private removedIds = new Set<string>()
  private writing: Promise<void> = Promise.resolve()
  /** The last line may be only half written: the next one begins a line of its own. */
  private isOpenEnded = false
  /** Lines that could not be read. */
  damaged = 0

  /** @param warn told of what is damaged or not written */
  constructor(
    private readonly path: string,
    private readonly warn: (message: string) => void,
    private readonly bounds: HistoryBounds = BOUNDS,
  ) {}

  /** Reads what earlier sessions left, and writes nothing: the program may be running. Nothing where it cannot be read. */
  async open(): Promise<void> {
    try {
      this.take(await readSmallText(this.path, SMALL_FILES.own))
    } catch (error) {
      if (!(error instanceof FusionError && error.kind === 'not-found'))
        this.warn(`The history could not be read: ${String(error)}`)
    }
    if (this.damaged > 0) this.warn(`${this.damaged} damaged lines of ${this.path} are skipped.`)
  }

  /** In the order in which they were added, without those that were removed. */
  get records(): HistoryRecord[] {
    return this.lines.flatMap(({ line }) => (line.kind === 'removed' || this.removedIds.has(line.id) ? [] : [line]))
  }

  /** Whether it was taken off the list. */
  isRemoved(id: string): boolean {
    return this.removedIds.has(id)
  }

  add(record: HistoryRecord): Promise<void> {
    return this.append([record])
  }

  remove(ids: readonly string[]): Promise<void> {
    return this.append(ids.filter((id) => !this.isRemoved(id)).map((id) => ({ kind: 'removed', id })))
  }

  /** Resolves when all lines are on the disk. */
  flush(): Promise<void> {
    return this.writing
  }

  private take(text: string): void {
    this.isOpenEnded = text !== '' && !text.endsWith('\n')
    for (const one of text.split('\n')) {
      if (one.trim() === '') continue
      const line = lineSchema.safeParse(parseJson(one)).data
      if (line) this.keep(line, one)
      else this.damaged++
    }
  }

  private keep(line: Line, text: string): void {
    this.lines.push({ line, text })
    if (line.kind === 'removed') this.removedIds.add(line.id)
  }

  private append(lines: readonly Line[]): Promise<void> {
    const texts = lines.map((line) => JSON.stringify(line))
    lines.forEach((line, index) => this.keep(line, texts[index]!))
    this.write(async () => {
      makePrivateFolder(dirname(this.path))
      const start = this.isOpenEnded ? '\n' : ''
      this.isOpenEnded = true
      await appendFile(this.path, start + texts.map((text) => `${text}\n`).join(''), { mode: PRIVATE_FILE })
      this.isOpenEnded = false
    })
    this.shorten()
    return this.writing
  }

  /** Drops what is removed, and the oldest lines beyond the bounds, once there is enough of it. */
  private shorten(): void {
    const { lines, characters } = this.bounds
    if (this.lines.length <= lines * SLACK && charactersOf(this.lines) <= characters * SLACK) return
    let left = characters
    const newestFirst = this.lines
      .toReversed()
      .filter(({ line }) => line.kind === 'removed' || !this.isRemoved(line.id))
    const kept = newestFirst.slice(0, lines).filter(({ text }, index) => (left -= text.length) >= 0 || index === 0)
    this.lines = kept.reverse()
    this.removedIds = new Set(this.lines.flatMap(({ line }) => (line.kind === 'removed' ? [line.id] : [])))
    const text = this.lines.map((one) => `${one.text}\n`).join('')
    this.write(async () => {
      await writeWhole(this.path, text)
      this.isOpenEnded = false
    })
  }

  /** One write after another; one that fails costs nothing but what it would have kept. */
  private write(write: () => Promise<void>): void {
    this.writing = this.writing
      .then(write)
      .catch((error: unknown) => this.warn(`The history could not be kept: ${String(error)}`))
  }
}

function charactersOf(lines: readonly { text: string }[]): number {
  return lines.reduce((sum, { text }) => sum + text.length, 0)
}
