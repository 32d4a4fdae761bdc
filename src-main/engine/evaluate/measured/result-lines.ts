import { processorName } from '../../runtime/processor'
import { constants } from 'node:fs'
import { open, readdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { z } from 'zod'
import { FusionError } from '../../../contract/errors'
import { unreadable } from '../../files/reading/file-errors'
import { readOnward, textOf } from '../../files/reading/regular-file'
import { SMALL_FILES } from '../../files/reading/small-files'
import { checkOutputFolder } from '../../files/writing/write-output'
import { writingError } from '../../files/writing/writing-error'
import { figuresOf, isFailure, readLine, writeLine, type ResultLine } from './line-text'
import { NotKept } from '../../files/kept/not-kept'
import type { Measurements } from './measurements'
import { shareOfName } from '../../shares/share'

const ENDING = '.jsonl'
const NEWLINE = 0x0a
/** Only at the end, and never through a link that somebody put there. Windows has no such links: undefined counts as 0. */
const APPEND = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK

/** A line, and where it stands. */
interface PlacedLine {
  line: ResultLine
  place: string
  file: string
}

/** A result, for people. */
interface UnusedLine {
  unit: string
  place: string
  file: string
}

/**
 * A folder of results that several processes or machines fill, each its own file, one line of JSON for each result. A
 * result is known by a hash of what it was measured with: what the files hold, never where they lie.
 */
export class ResultLines {
  readonly #found = new Map<string, PlacedLine>()
  readonly #used = new Set<string>()
  readonly #notes: string[] = []
  /** How far each file was read: whole lines alone. */
  readonly #read = new Map<string, { bytes: number; lines: number }>()
  #added = 0
  /** Whether the own file ends in the middle of a line. */
  #isCut = false

  private constructor(
    readonly folder: string,
    private readonly own: string,
    /** Whether nothing is measured: results are gathered. */
    readonly isOnlyRead: boolean,
  ) {}

  /**
   * Reads what is there.
   * @param own name of the file that this process adds to, without its ending
   * @param isOnlyRead whether the folder must be there, and may be one that cannot be written to
   * @throws FusionError 'damaged' where two lines contradict each other, 'target' where the folder cannot be written to,
   *   'not-found', and what reading a file throws
   */
  static async open(folder: string, own: string, isOnlyRead = false): Promise<ResultLines> {
    const results = new ResultLines(resolve(folder), own, isOnlyRead)
    if (!isOnlyRead) await checkOutputFolder(results.folder)
    for (const name of await results.#readFiles(() => true))
      results.#notes.push(
        `The last line of ${join(results.folder, name + ENDING)} was not written to its end: it is not used.`,
      )
    return results
  }

  /**
   * Reads what others have added to their files since. A line that is not whole yet is read the next time.
   * @throws what open throws of lines and files
   */
  async refresh(): Promise<void> {
    await this.#readFiles((name) => name !== this.own)
  }

  /** Whether there is a result under a key, or why there is none. */
  has(key: string): boolean {
    return this.#found.has(key)
  }

  /** How many shares there are, by the names of the files; null where these do not agree, or do not say it. */
  get shareCount(): number | null {
    const counts = new Set(this.files.flatMap((file) => shareOfName(file)?.count ?? []))
    return counts.size === 1 ? [...counts][0]! : null
  }

  /** Names of the files that are there, without their ending. */
  get files(): string[] {
    return [...new Set([...this.#found.values()].map(({ file }) => file))].sort()
  }

  /** What of the files is not used because it is cut or damaged. */
  get notes(): readonly string[] {
    return this.#notes
  }

  /** Results that nobody asked for: they are of other models, data, settings, devices or versions. */
  get unused(): UnusedLine[] {
    const unused = [...this.#found].filter(([key, { line }]) => !this.#used.has(key) && !isFailure(line))
    return unused.map(([, { line, place, file }]) => ({ unit: line.unit, place, file }))
  }

  /** Those in the file that this process adds to. */
  get unusedOfOwn(): UnusedLine[] {
    return this.unused.filter(({ file }) => file === this.own)
  }

  /** How many results this process added. */
  get added(): number {
    return this.#added
  }

  /** The file that this process adds to. */
  get ownPath(): string {
    return join(this.folder, this.own + ENDING)
  }

  /** What computed the results that were used. */
  get processors(): string[] {
    const used = [...this.#used].flatMap((key) => this.#found.get(key)?.line.processor ?? [])
    return [...new Set(used)].sort()
  }

  /** Results of one kind. */
  of<Stored>(schema: z.ZodType<Stored>): Measurements<Stored> {
    return {
      find: (key) => {
        const found = this.#found.get(key)
        const parsed = found && schema.safeParse(found.line.value)
        if (!parsed?.success) return Promise.resolve(null)
        this.#used.add(key)
        return Promise.resolve(parsed.data)
      },
      keep: (key, stored, unit) =>
        this.#append({
          key,
          unit,
          value: JSON.parse(JSON.stringify(stored)) as ResultLine['value'],
          processor: processorName(),
        }),
    }
  }

  async #append(line: ResultLine): Promise<void> {
    const path = this.ownPath
    try {
      const file = await open(path, APPEND)
      try {
        await file.appendFile((this.#isCut ? '\n' : '') + writeLine(line))
      } finally {
        await file.close()
      }
    } catch (error) {
      // A part of the line may be there.
      this.#isCut = true
      throw new NotKept(writingError(error, path))
    }
    this.#isCut = false
    this.#added++
    this.#used.add(line.key)
    this.#found.set(line.key, { line, place: path, file: this.own })
  }

  /** Reads on in files. @returns names of those whose last line is cut, without their ending */
  async #readFiles(isRead: (name: string) => boolean): Promise<string[]> {
    const there = await readdir(this.folder).catch((cause: unknown) => {
      throw unreadable(this.folder, cause)
    })
    const cut: string[] = []
    const contradictions: string[] = []
    const names = there.filter((name) => name.endsWith(ENDING)).map((name) => name.slice(0, -ENDING.length))
    for (const name of names.filter(isRead).sort()) {
      const read = await this.#readFile(name)
      if (read.isCut) cut.push(name)
      contradictions.push(...read.contradictions)
    }
    if (contradictions.length === 0) return cut
    throw new FusionError('damaged', `Lines in ${this.folder} contradict each other.`, {
      detail: contradictions.join('\n'),
      hint: 'Machines of another kind round differently. Remove one of the files, and do its share again.',
    })
  }

  async #readFile(file: string): Promise<{ isCut: boolean; contradictions: string[] }> {
    const path = join(this.folder, file + ENDING)
    const before = this.#read.get(file) ?? { bytes: 0, lines: 0 }
    const bytes = await readOnward(path, before.bytes, SMALL_FILES.results)
    const end = bytes.lastIndexOf(NEWLINE) + 1
    const whole = textOf(bytes.subarray(0, end)).split('\n').slice(0, -1)
    const rest = textOf(bytes.subarray(end))
    if (file === this.own) this.#isCut = rest !== ''
    this.#read.set(file, { bytes: before.bytes + end, lines: before.lines + whole.length })
    const contradictions = [...whole, ...(rest === '' ? [] : [rest])].flatMap((text, index) => {
      const place = `line ${before.lines + index + 1} of ${file}${ENDING}`
      const line = text === '' ? undefined : readLine(text)
      if (line) return this.#add({ line, place, file })
      if (line === null && index < whole.length)
        this.#notes.push(
          `${place[0]!.toUpperCase()}${place.slice(1)} in ${this.folder} is damaged or cut: it is not used.`,
        )
      return []
    })
    return { isCut: rest !== '' && readLine(rest) === null, contradictions }
  }

  #add(placed: PlacedLine): string[] {
    const known = this.#found.get(placed.line.key)
    if (!known || isFailure(known.line)) {
      this.#found.set(placed.line.key, placed)
      return []
    }
    if (isFailure(placed.line) || figuresOf(known.line) === figuresOf(placed.line)) return []
    const [one, other] = [known, placed].map(({ line, place }) => `${place} (${line.processor})`)
    return [`${placed.line.unit}: ${one} and ${other}`]
  }
}
