import { closeSync, openSync } from 'node:fs'
import { AtomicOutput } from '../../files/writing/atomic-output'
import type { TargetRule } from '../../files/writing/target'
import { writeFully } from '../../files/writing/write-fully'
import { writingError } from '../../files/writing/writing-error'
import type { ElementType } from '../../tensor/element-type'
import { encodeHeader } from './safetensors-write'

/** A tensor to be written. */
export interface WrittenTensor {
  name: string
  elementType: ElementType
  shape: readonly number[]
  bytes: Uint8Array
}

/**
 * Writes a safetensors file whose tensors come one after the other, before it is known how many there are: the header is
 * written last. The file has a temporary name until it is whole.
 */
export class SequentialWriter {
  readonly tensors: Parameters<typeof encodeHeader>[0][number][] = []
  private descriptor: number | null
  private end: number

  private constructor(
    private readonly output: AtomicOutput,
    private readonly headerBytes: number,
  ) {
    this.descriptor = openSync(output.temporaryPath, 'r+')
    this.end = headerBytes
  }

  /**
   * @param rule what may be replaced at `path`
   * @param headerBytes room for the longest header that may be needed
   * @throws FusionError 'target'
   */
  static async create(path: string, rule: TargetRule, headerBytes: number): Promise<SequentialWriter> {
    return new SequentialWriter(await AtomicOutput.create(path, rule), headerBytes)
  }

  /** @throws FusionError 'target' (disk full, and the like) */
  add({ name, elementType, shape, bytes }: WrittenTensor): void {
    this.tensors.push({ name, elementType, shape, byteLength: bytes.byteLength })
    this.write(bytes, this.end)
    this.end += bytes.byteLength
  }

  /** Gives the file its name. @returns its size */
  async finish(metadata: Readonly<Record<string, string>>): Promise<number> {
    this.write(encodeHeader(this.tensors, metadata, this.headerBytes), 0)
    this.close()
    await this.output.commit([this.output.temporaryPath])
    return this.end
  }

  /** Removes what was written. */
  async discard(): Promise<void> {
    this.close()
    await this.output.discard()
  }

  private close(): void {
    if (this.descriptor !== null) closeSync(this.descriptor)
    this.descriptor = null
  }

  private write(bytes: Uint8Array, position: number): void {
    try {
      writeFully(this.descriptor!, bytes, position)
    } catch (error) {
      throw writingError(error, this.output.finalPath)
    }
  }
}
