import { closeSync, openSync, writeSync } from 'node:fs'
import { lstat, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { AtomicOutput } from '../../files/writing/atomic-output'
import type { YieldOrCancel } from '../../cancel'
import type { OutputWriter } from '../jobs/output-writer'
import { outputPath, type OutputFile } from '../plan/export/output-files'
import { isInside, joined } from './byte-runs'
import { whyNotContinued, type ExportSeal } from './export-seal'
import { headLine, readJournal, workLine, type FinishedWork } from './journal-lines'

/** How far an export had come, in tensors of its files. */
export interface ResumedExport {
  tensors: number
  total: number
  /** Parts that the journal names and that are not as they were written: they are made again. */
  damaged: number
}

/** Where an export is written, with its journal: one that appears whole at its end, or a share of one. */
export type JournalledOutput = Pick<AtomicOutput, 'temporaryPath' | 'journalPath' | 'isContinued' | 'empty'>

/**
 * What is finished of an export, in a file beside its temporary one. A line is written after the bytes that it tells of,
 * and nothing waits for the disk: what a line says is believed only where these bytes have its checksum.
 */
export class ExportJournal {
  private readonly finished = new Map<string, FinishedWork>()
  private descriptor: number | null = null
  private opened = false

  private constructor(
    private readonly output: JournalledOutput,
    private readonly files: readonly OutputFile[],
    private readonly seal: ExportSeal,
    /** What an earlier process says that it has finished; not verified yet. */
    private readonly claimed: readonly FinishedWork[],
    /** Why what was there is not continued, in words; null where it is, or where nothing was there. */
    readonly whyAnew: string | null,
  ) {}

  /**
   * Begins the journal of an output. What is not to be continued is removed.
   * @param restart whether to begin anew in any case
   */
  static async begin(
    output: JournalledOutput,
    files: readonly OutputFile[],
    seal: ExportSeal,
    restart: boolean,
  ): Promise<ExportJournal> {
    if (!output.isContinued) return new ExportJournal(output, files, seal, [], null)
    const earlier = restart ? null : await readJournal(output.journalPath)
    const whyAnew = restart ? 'that was asked for' : whyNot(earlier?.seal, seal)
    if (whyAnew === null) await removeOthers(output.temporaryPath, files)
    else await output.empty()
    return new ExportJournal(output, files, seal, whyAnew === null ? earlier!.work : [], whyAnew)
  }

  /** Whether there is something to go on with. */
  get continues(): boolean {
    return this.claimed.length > 0
  }

  /** Whether this process has begun to write: before that, what an earlier one left is as it was. */
  get isOpen(): boolean {
    return this.opened
  }

  /** Whether something is finished that is worth keeping. */
  get hasFinished(): boolean {
    return this.finished.size > 0
  }

  /**
   * Verifies what an earlier process has finished, and opens the journal for what follows.
   * @param onProgress called with the part that is verified, 0 … 1
   */
  async open(
    writer: OutputWriter,
    yieldOrCancel: YieldOrCancel,
    onProgress: (fraction: number) => void,
  ): Promise<ResumedExport> {
    let damaged = 0
    for (const [index, work] of this.claimed.entries()) {
      await yieldOrCancel()
      if (this.isAsWritten(work, writer)) this.finished.set(keyOf(work.ranges[0]!), work)
      else damaged++
      onProgress((index + 1) / this.claimed.length)
    }
    this.opened = true
    const lines = [headLine(this.seal), ...[...this.finished.values()].map(workLine)]
    await rm(this.output.journalPath, { force: true })
    await writeFile(this.output.journalPath, lines.join(''), { flag: 'wx' })
    this.descriptor = openSync(this.output.journalPath, 'a')
    return { tensors: this.finishedTensors(), total: this.totalTensors(), damaged }
  }

  /** All that is finished. */
  get work(): readonly FinishedWork[] {
    return [...this.finished.values()]
  }

  /** What was finished of the work that begins with these bytes. */
  find(file: OutputFile, offset: number, byteLength: number): FinishedWork | undefined {
    const work = this.finished.get(keyOf({ file: this.files.indexOf(file), offset }))
    return work?.ranges[0]!.byteLength === byteLength ? work : undefined
  }

  /** Notes that work is done: all its bytes are written. */
  add(work: FinishedWork): void {
    this.finished.set(keyOf(work.ranges[0]!), work)
    writeSync(this.descriptor!, workLine(work))
  }

  close(): void {
    if (this.descriptor !== null) closeSync(this.descriptor)
    this.descriptor = null
  }

  /** Tensors of the output of which all bytes are finished. */
  finishedTensors(): number {
    const ranges = [...this.finished.values()].flatMap((work) => work.ranges)
    return this.files.reduce((sum, { tensors }, index) => {
      const runs = joined(ranges.filter(({ file }) => file === index))
      return sum + tensors.filter((tensor) => isInside(tensor, runs)).length
    }, 0)
  }

  totalTensors(): number {
    return this.files.reduce((sum, { tensors }) => sum + tensors.length, 0)
  }

  private isAsWritten({ ranges }: FinishedWork, writer: OutputWriter): boolean {
    return ranges.every(({ file: index, offset, byteLength, checksum }) => {
      const file = this.files[index]
      if (!file || offset + byteLength > file.dataBytes) return false
      return writer.checksumOf(file, offset, byteLength) === checksum
    })
  }
}

function whyNot(begun: ExportSeal | undefined, now: ExportSeal): string | null {
  return begun ? whyNotContinued(begun, now) : 'its journal is damaged'
}

function keyOf({ file, offset }: { file: number; offset: number }): string {
  return `${file}:${offset}`
}

/** Removes what an earlier process put into a folder beside the weights: it is written again at the end. */
async function removeOthers(root: string, files: readonly OutputFile[]): Promise<void> {
  if (!(await lstat(root)).isDirectory()) return
  const weights = new Set(files.map((file) => outputPath(root, file)))
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (!entry.isDirectory() && !weights.has(path)) await rm(path)
  }
}
