import { closeSync, openSync, writeSync } from 'node:fs'
import { openAdapter } from '../adapters/adapter-file'
import { encodeHeader } from '../checkpoint/containers/safetensors-write'
import { AtomicOutput } from '../files/writing/atomic-output'
import { fileKind, type TargetRule } from '../files/writing/target'
import { writingError } from '../files/writing/writing-error'
import type { ElementType } from '../tensor/element-type'

type TensorEntry = Parameters<typeof encodeHeader>[0][number]

/** Whole models are never replaced by what changes them. */
const ADAPTER_FILE = fileKind('LoRA or another adapter', async (path) => (await openAdapter(path)) !== undefined)

/** A tensor to be written. */
export interface LoraTensor {
  name: string
  elementType: ElementType
  shape: readonly number[]
  bytes: Uint8Array
}

/** Writes a safetensors file whose tensors come one after the other, under a temporary name until it is whole. */
export class LoraWriter {
  private readonly entries: TensorEntry[] = []
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
   * @param rule what may be replaced at `path`; the kind is an adapter's file
   * @param headerBytes room for the header, which is written last
   * @throws FusionError 'target'
   */
  static async create(path: string, rule: Omit<TargetRule, 'kind'>, headerBytes: number): Promise<LoraWriter> {
    return new LoraWriter(await AtomicOutput.create(path, { ...rule, kind: ADAPTER_FILE }), headerBytes)
  }

  add({ name, elementType, shape, bytes }: LoraTensor): void {
    this.entries.push({ name, elementType, shape, byteLength: bytes.byteLength })
    this.write(bytes, this.end)
    this.end += bytes.byteLength
  }

  /** Gives the file its name. @returns its size */
  async finish(metadata: Readonly<Record<string, string>>): Promise<number> {
    this.write(encodeHeader(this.entries, metadata, this.headerBytes), 0)
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
      for (let done = 0; done < bytes.byteLength;)
        done += writeSync(this.descriptor!, bytes, done, bytes.byteLength - done, position + done)
    } catch (error) {
      throw writingError(error, this.output.finalPath)
    }
  }
}
