import { processorName } from '../../runtime/processor'
import { constants } from 'node:fs'
import { open, readdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { z } from 'zod'
import { FusionError } from '../../../contract/errors'
import { unreadable } from '../../files/reading/file-errors'
import { readSmallText } from '../../files/reading/regular-file'
import { SMALL_FILES } from '../../files/reading/small-files'
import { checkOutputFolder } from '../../files/writing/write-output'
import { writingError } from '../../files/writing/writing-error'
import { figuresOf, readLine, writeLine, type ResultLine } from './line-text'
import type { Measurements } from './measurements'

const ENDING = '.jsonl'
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
  #added = 0
  /** Whether the own file ends in the middle of a line. */
  #isCut = false

  private constructor(
    readonly folder: string,
    private readonly own: string,
  ) {}

  /**
   * Reads what is there.
   * @param own name of the file that this process adds to, without its ending
   * @param isOnlyRead whether the folder must be there, and may be one that cannot be written to
   * @throws FusionError 'damaged' where two lines contradict each other, 'target' where the folder cannot be written to,
   *   'not-found', and what reading a file throws
   */
  static async open(folder: string, own: string, isOnlyRead = false): Promise<ResultLines> {
    const results = new ResultLines(resolve(folder), own)
    if (!isOnlyRead) await checkOutputFolder(results.folder)
    const there = await readdir(results.folder).catch((cause: unknown) => {
      throw unreadable(results.folder, cause)
    })
    const names = there.filter((name) => name.endsWith(ENDING)).sort()
    const contradictions: string[] = []
    for (const name of names) contradictions.push(...(await results.#read(name)))
    if (contradictions.length === 0) return results
    throw new FusionError('damaged', `Lines in ${results.folder} contradict each other.`, {
      detail: contradictions.join('\n'),
      hint: 'Machines of another kind round differently. Remove one of the files, and do its share again.',
    })
  }

  /** Names of the files that are there, without their ending. */
  get files(): string[] {
    return [...new Set([...this.#found.values()].map(({ file }) => file))].sort()
  }

  /** What of the files is not used because it is cut or damaged. */
  get notes(): readonly string[] {
    return this.#notes
  }

  /** Results that nobody asked for: they are of other models, data or settings. */
  get unused(): UnusedLine[] {
    const unused = [...this.#found].filter(([key]) => !this.#used.has(key))
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
      throw writingError(error, path)
    }
    this.#isCut = false
    this.#added++
    this.#used.add(line.key)
    this.#found.set(line.key, { line, place: path, file: this.own })
  }

  /** @returns what in a file contradicts the files before it */
  async #read(name: string): Promise<string[]> {
    const path = join(this.folder, name)
    const file = name.slice(0, -ENDING.length)
    const lines = (await readSmallText(path, SMALL_FILES.results)).split('\n')
    const isCut = lines.at(-1) !== ''
    if (file === this.own) this.#isCut = isCut
    return lines.flatMap((text, index) => {
      const place = `line ${index + 1} of ${name}`
      const line = text === '' ? undefined : readLine(text)
      if (line) return this.#add({ line, place, file })
      if (line === null)
        this.#notes.push(
          isCut && index === lines.length - 1
            ? `The last line of ${path} was not written to its end: it is not used.`
            : `${place[0]!.toUpperCase()}${place.slice(1)} in ${this.folder} is damaged or cut: it is not used.`,
        )
      return []
    })
  }

  #add(placed: PlacedLine): string[] {
    const known = this.#found.get(placed.line.key)
    if (!known) {
      this.#found.set(placed.line.key, placed)
      return []
    }
    if (figuresOf(known.line) === figuresOf(placed.line)) return []
    const [one, other] = [known, placed].map(({ line, place }) => `${place} (${line.processor})`)
    return [`${placed.line.unit}: ${one} and ${other}`]
  }
}
