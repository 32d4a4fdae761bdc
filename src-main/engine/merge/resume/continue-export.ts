import { FusionError } from '../../../contract/errors'
import { formatCount } from '../../../contract/values/format'
import { isCancelled, yieldOrCancel } from '../../cancel'
import type { AtomicOutput } from '../../files/writing/atomic-output'
import { takenSpace } from '../../files/writing/disk-space'
import type { OutputWriter } from '../jobs/output-writer'
import type { ExportJournal, ResumedExport } from './export-journal'

/** Who hears of an export that is continued. */
export interface ResumeListener {
  signal?: AbortSignal
  onProgress?: (phase: 'checking', fraction: number) => void
  onResume?: (words: string) => void
}

/** Verifies what an earlier export has written, and says how far it had come. @returns null where there was none */
export async function openJournal(
  journal: ExportJournal,
  writer: OutputWriter,
  { signal, onProgress, onResume }: ResumeListener,
): Promise<ResumedExport | null> {
  const found = await journal.open(
    writer,
    () => yieldOrCancel(signal),
    (part) => onProgress?.('checking', part),
  )
  if (journal.whyAnew !== null)
    onResume?.(`Starts anew: an unfinished export is not continued, since ${journal.whyAnew}.`)
  if (!journal.continues) return null
  onResume?.(resumedInWords(found))
  return found
}

/** How far an earlier export had come, for people. */
export function resumedInWords({ tensors, total, damaged }: ResumedExport): string {
  const again = damaged > 0 ? ` ${damaged} of its parts are not as they were written, and are made again.` : ''
  return `Resumes: ${tensors} of ${total} tensors are already written and checked.${again}`
}

/**
 * Ends an output that fails: what a cancelled export has finished is kept, and so is what an earlier one left where
 * this one did not come to write; all else is removed.
 * @returns the error that says what is kept; the one that was given where that stays true; null where nothing is kept
 */
export async function leaveOutput(
  output: AtomicOutput,
  journal: ExportJournal | null,
  error: unknown,
): Promise<unknown> {
  journal?.close()
  if (output.isContinued && !journal?.isOpen) {
    await output.keep()
    return error
  }
  if (!journal?.hasFinished || !isCancelled(error)) {
    await output.discard()
    return null
  }
  const kept = await output.keep()
  const [tensors, total] = [journal.finishedTensors(), journal.totalTensors()]
  const megabytes = formatCount(Math.ceil((await takenSpace(kept)) / 1e6))
  return new FusionError('cancelled', `Cancelled. ${tensors} of ${total} tensors are written and kept.`, {
    detail: `${kept} (${megabytes} MB)`,
    hint: `The same export goes on from there. featurefusion unfinished --remove ${output.finalPath} removes it.`,
    file: output.finalPath,
  })
}
