import { isDeepStrictEqual } from 'node:util'
import { FusionError } from '../../../contract/errors'
import { yieldOrCancel } from '../../cancel'
import { isTargetInside } from '../../files/writing/target'
import type { OutputWriter } from '../jobs/output-writer'
import { placesOfWork } from '../jobs/written-places'
import { wholeWork } from '../plan/merge-work'
import type { MergePlan } from '../plan/merge-plan'
import { isInside, joined } from '../resume/byte-runs'
import type { ExportJournal } from '../resume/export-journal'
import { whyNotContinued, type ExportSeal } from '../resume/export-seal'
import { readJournal, type FinishedWork } from '../resume/journal-lines'
import { runMerge, type MergeOptions, type MergeResult } from '../run'
import { shareInWords, type Share } from '../../shares/share'
import { workOfShare } from './share-work'
import { ShareReader, storedRanges } from './share-bytes'
import { findShares, foldersOfShares, removeShares, ShareFiles, type DoneShare } from './share-files'
import { sealHere, type SplitPlan } from './split-plan'
import { refuseOther } from './work-share'

export interface GatherOptions extends Omit<MergeOptions, 'resume' | 'gathered'> {
  workerFile: URL | null
  cacheFolder: string
  /** Whether what the shares wrote stays when the merge is whole. */
  keeps: boolean
}

const NAMES_SHOWN = 4
/** Machines write whole pages of a file there, with what they last saw of the bytes around their own. */
const ON_NFS = 'On NFS do them all with --apart: shares that write one file there may overwrite bytes of each other.'

/** A share that says that it is done, with what it has noted. */
interface NotedShare {
  files: ShareFiles
  done: DoneShare
  seal: ExportSeal
  work: FinishedWork[]
}

/**
 * Finishes a merge whose shares are done: checks every byte against what its share has noted, and writes the output as one
 * run would have written it.
 * @param folder of the plan
 * @throws FusionError 'not-found' for missing and unfinished shares, 'incompatible' for shares of another merge or from
 *   different processors, 'damaged' for bytes that are not what was written, and what runMerge throws
 */
export async function gatherShares(
  plan: MergePlan,
  split: SplitPlan,
  folder: string,
  options: GatherOptions,
): Promise<MergeResult> {
  const { provider = 'cpu', keeps, onProgress, ...others } = options
  await refuseAmongShares(options.path, folder)
  const tools = { ...others, provider, onHashing: (part: number) => onProgress?.('hashing', part) }
  const { hashes, seal } = await sealHere(plan, tools, split.sources)
  refuseOther(split, seal, folder)
  const shares = await notedShares(folder)
  refuseMixed(shares, seal, folder)
  refuseHoles(plan, split, shares, folder)
  const result = await runMerge(plan, {
    ...options,
    resume: { restart: false },
    gathered: {
      hashes,
      runtime: shares[0]!.done.runtime,
      adopt: (journal, writer) => adoptShares(shares, plan, journal, writer, folder, options),
    },
  })
  if (!keeps) await removeShares(folder)
  return result
}

/** What lies where shares are removed would go with them. */
async function refuseAmongShares(path: string, folder: string): Promise<void> {
  for (const removed of foldersOfShares(folder)) {
    if (!(await isTargetInside(path, removed))) continue
    throw new FusionError('target', `${path} lies in ${removed}, which is removed when all shares are gathered.`, {
      hint: 'Choose another place for the merge.',
    })
  }
}

/** All shares of a folder. @throws FusionError where one is missing, unfinished, of another number, or unknown */
async function notedShares(folder: string): Promise<NotedShare[]> {
  const { shares, others } = await findShares(folder)
  const [first] = shares
  if (!first)
    throw new FusionError('not-found', `No share of the merge in ${folder} has been worked on.`, {
      hint: `featurefusion work ${folder} --share 1/2 does the first of two.`,
    })
  const problems = others.map((name) => `${name} is no file of a share: remove it.`)
  const counts = [...new Set(shares.map(({ count }) => count))]
  if (counts.length > 1)
    problems.push(
      `There are shares of ${counts.join(' and of ')}: ${shares.map(shareInWords).join(', ')}. Remove those of one number.`,
    )
  const noted: NotedShare[] = []
  for (let index = 1; counts.length === 1 && index <= first.count; index++) {
    const share = { index, count: first.count }
    const found = await notedShare(folder, share)
    if (typeof found === 'string') problems.push(`Share ${shareInWords(share)} ${found}`)
    else noted.push(found)
  }
  if (problems.length === 0) return noted
  throw new FusionError('not-found', `The merge in ${folder} cannot be gathered yet.`, {
    detail: problems.join('\n'),
    hint: `featurefusion work ${folder} --share I/N does a share, again if need be.`,
  })
}

/** A share, or what is wrong with it. */
async function notedShare(folder: string, share: Share): Promise<NotedShare | string> {
  const files = new ShareFiles(folder, share)
  const journal = await readJournal(files.journalPath)
  const done = await files.done()
  if (!journal) return done ? 'has lost its journal.' : 'is missing.'
  if (!done) return 'is not finished.'
  if (!isDeepStrictEqual(done.share, share)) return `is a copy of share ${shareInWords(done.share)}.`
  return { files, done, ...journal }
}

/** @throws FusionError 'incompatible' */
function refuseMixed(shares: readonly NotedShare[], seal: ExportSeal, folder: string): void {
  const problems = shares.flatMap(({ done: { share, runtime }, seal: own }) => {
    const reason = whyNotContinued({ ...own, runtime: seal.runtime }, seal)
    if (reason !== null) return [`Share ${shareInWords(share)} belongs to another merge: ${reason}.`]
    const [first] = shares
    if (own.runtime === first!.seal.runtime) return []
    return [
      `Share ${shareInWords(share)} was computed by ${inWords(runtime)}, share ${shareInWords(first!.done.share)} by ${inWords(first!.done.runtime)}.`,
    ]
  })
  if (problems.length === 0) return
  throw new FusionError('incompatible', `The shares in ${folder} do not belong together.`, {
    detail: problems.join('\n'),
    hint: 'Do these shares again, with --restart, on machines of one kind: another processor rounds differently.',
  })
}

function inWords(runtime: DoneShare['runtime']): string {
  return runtime ? `${runtime.processor} (${runtime.provider}, ONNX Runtime ${runtime.onnxruntime})` : 'no runtime'
}

/** @throws FusionError 'damaged' where a share has not noted all that is its own */
function refuseHoles(plan: MergePlan, split: SplitPlan, shares: readonly NotedShare[], folder: string): void {
  const work = wholeWork(plan)
  const problems = shares.flatMap(({ done: { share }, work: finished }) => {
    const ranges = finished.flatMap((one) => one.ranges)
    const runs = plan.output.files.map((_, index) => joined(ranges.filter(({ file }) => file === index)))
    const places = placesOfWork(workOfShare(work, split.costs, share))
    const missing = places.filter((place) => !isInside(place, runs[plan.output.files.indexOf(place.file)]!))
    if (missing.length === 0) return []
    return [`Share ${shareInWords(share)} lacks ${missing.length} of its ${places.length} tensors.`]
  })
  if (problems.length > 0) throw damaged(folder, problems)
}

/** Copies what shares have written, and checks it on the way. @throws FusionError 'damaged', 'cancelled' */
async function adoptShares(
  shares: readonly NotedShare[],
  plan: MergePlan,
  journal: ExportJournal,
  writer: OutputWriter,
  folder: string,
  { signal, onProgress }: GatherOptions,
): Promise<void> {
  const { files } = plan.output
  const total = shares.reduce((sum, { done }) => sum + done.bytes, 0)
  const reader = new ShareReader()
  const problems: string[] = []
  let copied = 0
  try {
    for (const { files: own, done, work } of shares) {
      const stored = storedRanges(own, work, files, done.isPacked ? null : own.commonPath)
      const wrong = new Set<string>()
      for (const one of stored) {
        await yieldOrCancel(signal)
        const { file, offset, byteLength } = one.range
        const isWhole = reader.read(one, (bytes, at) => writer.write(files[file]!, offset + at, bytes))
        if (!isWhole) wrong.add(tensorAt(plan, file, offset))
        copied += byteLength
        onProgress?.('checking', total > 0 ? Math.min(1, copied / total) : 1)
      }
      if (wrong.size > 0) problems.push(`Share ${shareInWords(done.share)}: ${firstOf([...wrong])} not as written.`)
      else for (const one of work) journal.add(one)
    }
  } finally {
    reader.close()
  }
  const isCommon = shares.some(({ done }) => !done.isPacked)
  if (problems.length > 0) throw damaged(folder, problems, isCommon ? ` ${ON_NFS}` : '')
}

/** The first names of many, and the verb. */
function firstOf(names: readonly string[]): string {
  const more = names.length - NAMES_SHOWN
  const others = more > 0 ? ` and ${more} more` : ''
  return `${names.slice(0, NAMES_SHOWN).join(', ')}${others} ${names.length === 1 ? 'is' : 'are'}`
}

function tensorAt({ output }: MergePlan, file: number, offset: number): string {
  const { tensors, path } = output.files[file]!
  const tensor = tensors.find((one) => one.offset <= offset && offset < one.offset + one.byteLength)
  return tensor?.name ?? `${path} at ${offset}`
}

/** @param advice more of it, behind a space */
function damaged(folder: string, problems: readonly string[], advice = ''): FusionError {
  return new FusionError('damaged', `Shares of the merge in ${folder} are not whole.`, {
    detail: problems.join('\n'),
    hint: `featurefusion work ${folder} --share I/N --restart does a share again.${advice}`,
  })
}
