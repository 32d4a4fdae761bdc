import { FusionError } from '../../../contract/errors'
import { yieldOrCancel } from '../../cancel'
import { writingError } from '../../files/writing/writing-error'
import { writableFolder } from '../../files/writing/atomic-output'
import { checkSpace } from '../../files/writing/disk-space'
import { isThere } from '../../files/reading/regular-file'
import { OutputWriter } from '../jobs/output-writer'
import { placesOfWork } from '../jobs/written-places'
import { MergeRun, type MergeRunOptions } from '../merge-run'
import { wholeWork } from '../plan/merge-work'
import type { MergePlan } from '../plan/merge-plan'
import { prepare } from '../prepare'
import { ExportJournal, type JournalledOutput, type ResumedExport } from '../resume/export-journal'
import { whyNotContinued, type ExportSeal } from '../resume/export-seal'
import { openJournal } from '../resume/continue-export'
import { readJournal } from '../resume/journal-lines'
import { packShare, ShareReader, storedRanges } from './share-bytes'
import type { Share } from '../../shares/share'
import { workOfShare } from './share-work'
import { ShareFiles, type DoneShare } from './share-files'
import { checkSplitFolder, sealHere, type SplitPlan, type SplitTools } from './split-plan'

export interface WorkOptions extends SplitTools, Omit<MergeRunOptions, 'onProgress' | 'provider' | 'workerFile'> {
  /** Whether the share's bytes go to a file of their own, to be carried elsewhere. */
  apart: boolean
  /** Whether what is there of the share is made again. */
  restart: boolean
  onPhase?: (phase: 'hashing' | 'checking' | 'merging', fraction: number) => void
  /** Called with what people should know of what was there already. */
  onResume?: (words: string) => void
}

export interface WorkedShare extends DoneShare {
  /** Of a share that was begun or done before: how far it had come. */
  resumed: ResumedExport | null
}

/**
 * Does one share of a planned merge: writes its bytes among those of the other shares, or apart, and notes what is done.
 * A share that was stopped goes on; one that is done is only checked.
 * @param folder of the plan
 * @throws FusionError 'incompatible' where this is not the merge that was planned; 'cancelled', and what merging throws
 */
export async function workShare(
  plan: MergePlan,
  split: SplitPlan,
  folder: string,
  share: Share,
  options: WorkOptions,
): Promise<WorkedShare> {
  const started = performance.now()
  const { apart, restart, signal, onPhase } = options
  await checkSplitFolder(folder, true)
  const { hashes, recipe, seal } = await sealHere(
    plan,
    { ...options, onHashing: (part) => onPhase?.('hashing', part) },
    split.sources,
  )
  refuseOther(split, seal, folder)
  const work = workOfShare(wholeWork(plan), split.costs, share)
  const bytes = placesOfWork(work).reduce((sum, { byteLength }) => sum + byteLength, 0)
  const files = new ShareFiles(folder, share)
  if (restart) await files.remove()
  const before = await files.done()
  if (apart && before?.isPacked && (await isPackedWhole(files, seal))) return { ...before, resumed: null }
  const output = await ShareOutput.create(files, apart)
  const journal = await ExportJournal.begin(output, plan.output.files, seal, false)
  await checkSpace(output.temporaryPath, before ? 0 : bytes)
  const writer = new OutputWriter(output.temporaryPath, plan.output.files, null, true)
  let resumed: ResumedExport | null
  try {
    resumed = await openJournal(journal, writer, {
      ...(signal && { signal }),
      ...(options.onResume && { onResume: options.onResume }),
      onProgress: (_, part) => onPhase?.('checking', part),
    })
    const merge = new MergeRun(
      plan,
      await prepare(plan, hashes, options),
      writer,
      journal,
      { ...options, onProgress: (_, part) => onPhase?.('merging', part) },
      work,
    )
    await merge.run()
    if (apart) await packShare(files, journal.work, plan.output.files, () => yieldOrCancel(signal))
  } catch (error) {
    throw writingError(error, output.temporaryPath)
  } finally {
    journal.close()
    writer.close()
  }
  const seconds = (performance.now() - started) / 1000
  const done: DoneShare = { share, runtime: recipe.runtime, isPacked: apart, bytes, seconds }
  await files.sayDone(done)
  return { ...done, resumed }
}

/** Whether a share that was written apart is there as its journal has it. */
async function isPackedWhole(files: ShareFiles, seal: ExportSeal): Promise<boolean> {
  const journal = await readJournal(files.journalPath)
  if (!journal || whyNotContinued(journal.seal, seal) !== null) return false
  const reader = new ShareReader()
  try {
    return storedRanges(files, journal.work, [], null).every((stored) => reader.read(stored, () => {}))
  } finally {
    reader.close()
  }
}

/** @throws FusionError 'incompatible' */
export function refuseOther(split: SplitPlan, seal: ExportSeal, folder: string): void {
  const reason = whyNotContinued({ ...split.seal, runtime: seal.runtime }, seal)
  if (reason === null) return
  throw new FusionError('incompatible', `This is not the merge that is planned in ${folder}: ${reason}.`, {
    hint: 'Use the same version of the program and the same files everywhere, or write the plan again.',
  })
}

/** Where a share is written: others write there, too, so nothing of it is ever emptied. */
class ShareOutput implements JournalledOutput {
  private constructor(
    private readonly files: ShareFiles,
    readonly temporaryPath: string,
    readonly isContinued: boolean,
  ) {}

  static async create(files: ShareFiles, apart: boolean): Promise<ShareOutput> {
    const path = apart ? files.apartPath : files.commonPath
    await writableFolder(files.sharesFolder)
    return new ShareOutput(files, path, isThere(files.journalPath))
  }

  get journalPath(): string {
    return this.files.journalPath
  }

  async empty(): Promise<void> {
    await this.files.remove()
  }
}
