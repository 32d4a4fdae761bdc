import type { MergedPart, SourceFile } from '../../checkpoint/containers/container'
import {
  mergeTensorsWith,
  type ElementReader,
  type MergedBytes,
  type WorkRunner,
} from '../../checkpoint/containers/derived/merged-tensors'
import type { TensorView } from '../../checkpoint/model/checkpoint'
import { BYTES_PER_ELEMENT } from '../../tensor/element-type'
import { SUM_BLOCK_ELEMENTS } from '../../tensor/weighted-sum'
import { JobArithmetic, type CopyJob, type SumJob, type WritingJob } from '../jobs/tensor-job'
import { LayerThread, type LayerWork } from './layer-thread'

/** What computes bytes of a merge that is not written: a job that would write them, or a layer. */
export type MergedWork = WritingJob | LayerWork

/** Whether nothing of a tensor can be computed without all of it. */
export function isMergedWhole({ stored }: TensorView): boolean {
  return stored.merged?.parts.some(({ work }) => !isDivisible(work as MergedWork)) === true
}

function isDivisible(work: MergedWork): work is SumJob | CopyJob {
  if (work.kind === 'layer') return false
  return (work.kind === 'sum' || work.kind === 'copy') && !work.target.scaled && !work.target.transposed
}

/** Elements of a sum that are computed together: whoever reads takes smaller pieces, in order. */
const BLOCK_ELEMENTS = 8 * SUM_BLOCK_ELEMENTS

/** Merges for a reader. */
class MergedWorkRunner implements WorkRunner {
  /** One for every merge inside another: the inner one is read while the outer one's buffers are in use. */
  private readonly levels: JobArithmetic[] = []
  private depth = 0
  private layers: LayerThread | undefined

  constructor(
    private readonly reader: ElementReader,
    private readonly sources: readonly SourceFile[],
  ) {}

  run(part: MergedPart, at: number): MergedBytes {
    const work = part.work as MergedWork
    if (work.kind === 'layer') return { first: 0, results: (this.layers ??= new LayerThread(this.sources)).run(work) }
    const { first, job } = narrowed(work, at)
    const bytes = new Uint8Array(job.byteLength)
    const arithmetic = (this.levels[this.depth] ??= new JobArithmetic(this.reader))
    this.depth++
    try {
      arithmetic.run(job, (from, some) => bytes.set(some, from))
    } finally {
      this.depth--
    }
    return { first, results: [bytes] }
  }

  close(): void {
    this.layers?.close()
  }
}

/** The part of a job whose bytes hold the byte `at`, where it can be done in parts. */
function narrowed(job: WritingJob, at: number): { first: number; job: WritingJob } {
  if (!isDivisible(job)) return { first: 0, job }
  const size = BYTES_PER_ELEMENT[job.target.elementType]
  const first = Math.floor(at / size / BLOCK_ELEMENTS) * BLOCK_ELEMENTS
  const count = Math.min(BLOCK_ELEMENTS, job.byteLength / size - first)
  const start = job.start + first
  const byteLength = count * size
  const narrow = job.kind === 'sum' ? { ...job, start, count, byteLength } : { ...job, start, byteLength }
  return { first: first * size, job: narrow }
}

mergeTensorsWith((reader, sources) => new MergedWorkRunner(reader, sources))
