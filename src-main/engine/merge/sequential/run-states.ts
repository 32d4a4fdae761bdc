import { closeSync, openSync, readSync, rmSync } from 'node:fs'
import { FusionError } from '../../../contract/errors'
import { writeFully } from '../../files/writing/write-fully'
import { writingError } from '../../files/writing/writing-error'
import type { Tensor } from '../../runtime/session'

/** Bytes of values that are held in memory; those beyond go to disk. */
export const MOST_IN_MEMORY = 1e9

/** A value that lies in the file. */
interface OnDisk {
  offset: number
  byteLength: number
  dims: readonly number[]
}

/** What batches of runs have come to: values between sections of a network, by the batch's key and the value's name. */
export class RunStates {
  private readonly values = new Map<string, Map<string, Tensor | OnDisk>>()
  private readonly free: { offset: number; byteLength: number }[] = []
  private descriptor: number | null = null
  private held = 0
  private end = 0

  /** @param path of a file that is made where memory does not do, and removed in the end */
  constructor(
    private readonly path: string,
    private readonly mostInMemory = MOST_IN_MEMORY,
  ) {}

  /** Bytes in memory and on disk. */
  get bytes(): { memory: number; disk: number } {
    return { memory: this.held, disk: this.end }
  }

  take(batch: string, names: readonly string[]): Record<string, Tensor> {
    const own = this.values.get(batch)
    return Object.fromEntries(
      names.map((name) => {
        const value = own?.get(name)
        if (!value) throw new FusionError('internal', `The value ${name} of the runs ${batch} is not there.`)
        return [name, 'data' in value ? value : this.read(value)]
      }),
    )
  }

  /** @throws FusionError 'target' (disk full) */
  put(batch: string, values: Readonly<Record<string, Tensor>>): void {
    const own = this.values.get(batch) ?? new Map<string, Tensor | OnDisk>()
    this.values.set(batch, own)
    for (const [name, tensor] of Object.entries(values)) {
      const { byteLength } = tensor.data
      const isSmall = this.held + byteLength <= this.mostInMemory || !(tensor.data instanceof Float32Array)
      own.set(name, isSmall ? tensor : this.write(tensor))
      if (isSmall) this.held += byteLength
    }
  }

  /** Forgets the values of all batches that are not among `names`. */
  keep(names: ReadonlySet<string>): void {
    for (const own of this.values.values())
      for (const [name, value] of own) {
        if (names.has(name)) continue
        own.delete(name)
        if ('data' in value) this.held -= value.data.byteLength
        else this.free.push(value)
      }
  }

  close(): void {
    if (this.descriptor === null) return
    closeSync(this.descriptor)
    this.descriptor = null
    rmSync(this.path, { force: true })
  }

  private read({ offset, byteLength, dims }: OnDisk): Tensor {
    const bytes = new Uint8Array(byteLength)
    for (let done = 0; done < byteLength;) {
      const count = readSync(this.descriptor!, bytes, done, byteLength - done, offset + done)
      if (count === 0) throw new FusionError('source-changed', `${this.path} became shorter while it was in use.`)
      done += count
    }
    return { data: new Float32Array(bytes.buffer), dims }
  }

  /** Values come and go in few sizes: a place that became free takes the next of its size. */
  private write({ data, dims }: Tensor): OnDisk {
    const { byteLength } = data
    const place = this.free.findIndex((candidate) => candidate.byteLength === byteLength)
    const offset = place >= 0 ? this.free.splice(place, 1)[0]!.offset : this.end
    if (place < 0) this.end += byteLength
    try {
      this.descriptor ??= openSync(this.path, 'wx+', 0o600)
      writeFully(this.descriptor, new Uint8Array(data.buffer, data.byteOffset, byteLength), offset)
    } catch (error) {
      throw writingError(error, this.path)
    }
    return { offset, byteLength, dims }
  }
}
