import { closeSync, openSync } from 'node:fs'
import type { MethodName, MethodSettings } from '../../../contract/document/project'
import type { TensorView } from '../../checkpoint/model/checkpoint'
import type { StoredTensor } from '../../checkpoint/containers/container'
import { type TensorReader } from '../../checkpoint/containers/tensor-reader'
import { OrderedChecksum } from '../../files/kept/checksums'
import { writeFully } from '../../files/writing/write-fully'
import { BYTES_PER_ELEMENT, type ElementType } from '../../tensor/element-type'
import { Kernels } from '../../tensor/kernels'
import { FiniteCheck, hasNaN } from '../../tensor/finite-check'
import { notFiniteError } from '../../tensor/tensor-inputs'
import { WeightedSum, type EncodedBlock, type LinearCombination, type RowCombination } from '../../tensor/weighted-sum'
import { mergeElementwise } from './merge-elementwise'
import { methodNamed } from '../methods/index'
import { mergesBlocks } from '../methods/method'
import { tensorOutput } from './tensor-output'
import type { WriteBytes } from './transposition'
import { viewInputs } from './view-inputs'

/** A run of bytes of an output file that a job fills. */
export interface JobTarget {
  path: string
  /** First byte in the file. */
  position: number
  elementType: ElementType
  /** Whether codes with a scale are written, the scale behind them; such a job covers the whole tensor. */
  scaled: boolean
  /** Whether the tensor is written with its first two axes swapped; such a job covers the whole tensor. */
  transposed: boolean
  /** What the values are multiplied by before they are rounded; of copies 1. */
  gain: number
}

interface JobBase {
  target: JobTarget
  /** Bytes that it writes. */
  byteLength: number
}

/** Copies a run of elements of a stored tensor byte for byte. */
export interface CopyJob extends JobBase {
  kind: 'copy'
  stored: StoredTensor
  /** First element. */
  start: number
  /** Name for messages. */
  name: string
  /** Whether infinity is as it should be; NaN never is. */
  mayBeInfinite: boolean
}

/** Writes the numbers 0 … n − 1 as int64. */
export interface CountJob extends JobBase {
  kind: 'count'
}

/** Sums a range of elements of the models' tensors. */
export interface SumJob extends JobBase {
  kind: 'sum'
  views: TensorView[]
  combination: LinearCombination | RowCombination
  start: number
  count: number
}

/** Merges a whole tensor by a method that is no linear combination. */
export interface ElementwiseJob extends JobBase {
  kind: 'elementwise'
  views: TensorView[]
  method: MethodName
  settings: MethodSettings
  weights: number[]
}

/** Measures what two sums of a range of elements would give, and writes nothing. */
export interface MeasureJob {
  kind: 'measure'
  views: TensorView[]
  combinations: [RowCombination, RowCombination]
  start: number
  count: number
}

/** A job that fills bytes of an output. */
export type WritingJob = CopyJob | CountJob | SumJob | ElementwiseJob

/** Work on one tensor that needs no ONNX Runtime: plain data, so that any thread can do it. */
export type TensorJob = WritingJob | MeasureJob

export interface JobResult {
  /** Whether a finite value was too large for the output's element type. */
  overflowed: boolean
  /** Sums of the squares of what each sum by rows gave; none of other jobs. */
  squaredNorms: readonly number[]
  /** Of the bytes that it wrote; null where none were written, or not from the first to the last. */
  checksum: string | null
}

/** What the arithmetic of a job tells. */
export type Written = Omit<JobResult, 'checksum'>

const COPY_BLOCK_BYTES = 4 * 1024 * 1024

/** Computes jobs; where their bytes go is the caller's. Tools and buffers are reused from job to job. */
export class JobArithmetic {
  private readonly sums = new WeightedSum()
  private elementwiseKernels: Kernels | undefined
  private finiteCheck: FiniteCheck | undefined
  private copyBuffer: Uint8Array | undefined

  constructor(private readonly reader: Pick<TensorReader, 'read'>) {}

  /**
   * @param write gets the job's bytes, with the first one's place among them
   * @throws FusionError 'not-finite', 'source-changed', and what `write` throws
   */
  run(job: TensorJob, write: WriteBytes): Written {
    switch (job.kind) {
      case 'measure':
        return this.measure(job)
      case 'copy':
        return this.copy(job, write)
      case 'count':
        write(0, new Uint8Array(countingNumbers(job.byteLength / BYTES_PER_ELEMENT.I64).buffer))
        return { overflowed: false, squaredNorms: [] }
      case 'sum':
        return this.sum(job, write)
      case 'elementwise':
        return this.elementwise(job, write)
    }
  }

  private copy({ stored, start, byteLength, name, mayBeInfinite }: CopyJob, write: WriteBytes): Written {
    const size = BYTES_PER_ELEMENT[stored.elementType]
    for (let done = 0; done < byteLength; done += COPY_BLOCK_BYTES) {
      const block = (this.copyBuffer ??= new Uint8Array(COPY_BLOCK_BYTES)).subarray(
        0,
        Math.min(COPY_BLOCK_BYTES, byteLength - done),
      )
      this.reader.read(stored, start + done / size, block)
      const isRight = mayBeInfinite
        ? !hasNaN(stored.elementType, block)
        : (this.finiteCheck ??= new FiniteCheck()).isFinite(stored.elementType, block)
      if (!isRight) throw notFiniteError({ sources: [stored.path], name }, 0)
      write(done, block)
    }
    return { overflowed: false, squaredNorms: [] }
  }

  private measure({ views, combinations, start, count }: MeasureJob): Written {
    const inputs = viewInputs(views, this.reader)
    const { capacity } = this.sums
    const squaredNorms = [0, 0]
    for (let done = 0; done < count; done += capacity) {
      const length = Math.min(capacity, count - done)
      const measured = this.sums.measureRows(inputs, combinations, start + done, length)
      measured.forEach((value, index) => (squaredNorms[index]! += value))
    }
    return { overflowed: false, squaredNorms }
  }

  private sum({ views, combination, start, count, target }: SumJob, write: WriteBytes): Written {
    const inputs = viewInputs(views, this.reader)
    const output = tensorOutput(target, target.transposed ? views[0]!.shape : null, count, write)
    const { type } = output
    const gained = withGain(combination, target.gain)
    const size = BYTES_PER_ELEMENT[type]
    let overflowed = false
    let squaredNorm = 0
    for (let done = 0; done < count; done += this.sums.capacity) {
      const length = Math.min(this.sums.capacity, count - done)
      const block =
        'rowLength' in gained
          ? this.sums.sumRows(inputs, gained, start + done, length, type)
          : { ...this.sums.sum(inputs, gained, start + done, length, type), squaredNorm: 0 }
      overflowed ||= block.overflowed
      squaredNorm += block.squaredNorm
      output.write(done * size, block.bytes)
    }
    output.finish()
    return { overflowed, squaredNorms: [squaredNorm] }
  }

  private elementwise({ views, method: name, settings, weights, target }: ElementwiseJob, write: WriteBytes): Written {
    const method = methodNamed(name)
    if (!mergesBlocks(method)) throw new Error(`${name} does not merge tensors block by block`)
    const inputs = viewInputs(views, this.reader)
    const output = tensorOutput(target, target.transposed ? views[0]!.shape : null, inputs.count, write)
    const { type } = output
    const size = BYTES_PER_ELEMENT[type]
    let overflowed = false
    mergeElementwise(
      { method, settings, weights, inputs, shape: views[0]!.shape, type, gain: target.gain },
      (block: EncodedBlock, start: number) => {
        overflowed ||= block.overflowed
        output.write(start * size, block.bytes)
      },
      (this.elementwiseKernels ??= new Kernels(0)),
    )
    output.finish()
    return { overflowed, squaredNorms: [] }
  }
}

/** The combination times a number. */
function withGain<Combination extends LinearCombination | RowCombination>(
  combination: Combination,
  gain: number,
): Combination {
  if (gain === 1) return combination
  const coefficients = combination.coefficients.map((own) =>
    typeof own === 'number' ? own * gain : own && own.map((value) => value * gain),
  )
  return { ...combination, coefficients }
}

/** Files that jobs write into: they stay open from job to job. */
export class OpenOutputs {
  private readonly descriptors = new Map<string, number>()

  write({ path, position }: Pick<JobTarget, 'path' | 'position'>, at: number, bytes: Uint8Array): void {
    let descriptor = this.descriptors.get(path)
    if (descriptor === undefined) this.descriptors.set(path, (descriptor = openSync(path, 'r+')))
    writeFully(descriptor, bytes, position + at)
  }

  close(): void {
    for (const descriptor of this.descriptors.values()) closeSync(descriptor)
    this.descriptors.clear()
  }
}

/** One thread's tools for jobs that write into files. */
export class TensorJobRunner {
  private readonly arithmetic: JobArithmetic
  private readonly outputs = new OpenOutputs()

  /** @param reader of the sources; closed with this object */
  constructor(private readonly reader: TensorReader) {
    this.arithmetic = new JobArithmetic(this.reader)
  }

  /**
   * @param into where the bytes go instead of the job's target
   * @throws FusionError 'not-finite', 'source-changed'; file system errors of writing
   */
  run(job: TensorJob, into?: WriteBytes): JobResult {
    if (into || job.kind === 'measure') return { ...this.arithmetic.run(job, into ?? (() => {})), checksum: null }
    const checksum = new OrderedChecksum()
    const written = this.arithmetic.run(job, (at, bytes) => {
      checksum.add(at, bytes)
      this.outputs.write(job.target, at, bytes)
    })
    return { ...written, checksum: checksum.digest(job.byteLength) }
  }

  /** Closes all files. */
  close(): void {
    this.reader.close()
    this.outputs.close()
  }
}

/** 0 … n − 1. */
export function countingNumbers(count: number): BigInt64Array<ArrayBuffer> {
  return BigInt64Array.from({ length: count }, (_, index) => BigInt(index))
}
