import { basename } from 'node:path'
import type { LoraFormat, LoraType } from '../../contract/adapter-files'
import { FusionError } from '../../contract/errors'
import { openAdapter } from '../adapters/adapter-file'
import { encodeHeader } from '../checkpoint/containers/safetensors-write'
import { SequentialWriter } from '../checkpoint/containers/sequential-writer'
import type { Checkpoint } from '../checkpoint/model/checkpoint'
import { fileKind } from '../files/writing/target'
import { loraNaming, wholeChangeNaming, type LoraComponent } from './lora-names'
import { moduleOf } from '../checkpoint/model/module-name'

/** Whole models are never replaced by what changes them. */
export const ADAPTER_FILE = fileKind('LoRA or another adapter', async (path) => (await openAdapter(path)) !== undefined)

/** Beside the names and settings of layers: kohya's metadata and the note. */
const METADATA_BYTES = 16_384

/** A tensor of the base for which the file may hold a change. */
export interface LoraTarget {
  component: LoraComponent
  /** In diffusers' form. */
  name: string
  shape: readonly number[]
}

export interface LoraFileOptions {
  overwrite: boolean
  format: LoraFormat
  type: LoraType
  /** For the names of modules. */
  base: Checkpoint
  /** All that `addLayer` may be called with. */
  layers: readonly LoraTarget[]
  /** All that `addWhole` may be called with; absent: nothing. */
  whole?: readonly LoraTarget[]
  /** Files and folders that are read. */
  sources: readonly string[]
  /** Bytes of metadata beside the usual ones. */
  metadataBytes?: number
}

/** A LoRA's file that is written layer by layer, under a temporary name until it is whole. */
export class LoraFile {
  private constructor(
    private readonly writer: SequentialWriter,
    private readonly naming: Naming,
    private readonly type: LoraType,
  ) {}

  /** @throws FusionError 'target' */
  static async create(path: string, options: LoraFileOptions): Promise<LoraFile> {
    const { overwrite, format, type, base, sources } = options
    const naming = { factors: loraNaming(format, base), whole: wholeChangeNaming(format, base) }
    const rule = { overwrite, sources, kind: ADAPTER_FILE }
    return new LoraFile(await SequentialWriter.create(path, rule, headerRoom(options, naming)), naming, type)
  }

  /**
   * A layer's factors, encoded; alpha is the rank.
   * @throws FusionError 'target' (disk full, and the like)
   */
  addLayer({ component, name, shape }: LoraTarget, factors: { rank: number; up: Uint8Array; down: Uint8Array }): void {
    const { rank, up, down } = factors
    const keys = this.naming.factors(component, moduleOf(name))
    const kernel = shape.slice(2)
    const elementType = this.type
    if (keys.alpha !== null) this.writer.add(rankAsAlpha(keys.alpha, rank))
    this.writer.add({ name: keys.down, elementType, shape: [rank, shape[1]!, ...kernel], bytes: down })
    this.writer.add({ name: keys.up, elementType, shape: [shape[0]!, rank, ...kernel.map(() => 1)], bytes: up })
  }

  /** The whole change of a bias or a norm, encoded. @throws FusionError 'target' (disk full, and the like) */
  addWhole({ component, name, shape }: LoraTarget, bytes: Uint8Array): void {
    const { whole } = this.naming
    if (!whole) throw new FusionError('internal', `No name is known for the change of ${name} in this naming.`)
    this.writer.add({ name: whole(component, name), elementType: this.type, shape, bytes })
  }

  /** Gives the file its name. @returns its size */
  finish(metadata: Readonly<Record<string, string>>): Promise<number> {
    return this.writer.finish(metadata)
  }

  /** Removes what was written. */
  discard(): Promise<void> {
    return this.writer.discard()
  }
}

interface Naming {
  factors: ReturnType<typeof loraNaming>
  whole: ReturnType<typeof wholeChangeNaming>
}

/** In float32: float16 does not hold every whole number above 2,048. */
function rankAsAlpha(name: string, rank: number) {
  return { name, elementType: 'F32' as const, shape: [], bytes: new Uint8Array(Float32Array.of(rank).buffer) }
}

/** Bytes that the header takes at most, whatever the ranks. */
function headerRoom({ layers, whole = [], sources, metadataBytes = 0 }: LoraFileOptions, naming: Naming): number {
  const longest = 1e15
  const entryOf = (name: string, shape: readonly number[]) => {
    return { name, elementType: 'F32' as const, shape: [longest, ...shape], byteLength: 1e9 }
  }
  const entries = layers.flatMap(({ component, name, shape }) => {
    const { up, down, alpha } = naming.factors(component, moduleOf(name))
    return [up, down, ...(alpha === null ? [] : [alpha])].map((key) => entryOf(key, shape))
  })
  const changes = whole.map(({ component, name, shape }) => entryOf(naming.whole?.(component, name) ?? name, shape))
  // PEFT's settings name a layer up to three times.
  const settings = layers.reduce((sum, { name }) => sum + 3 * (moduleOf(name).length + 40), 0)
  // Characters of a name may be escaped, twice; beside it stands a hash.
  const hashes = sources.reduce((sum, path) => sum + 12 * basename(path).length + 200, 0)
  const metadata = settings + hashes + METADATA_BYTES + metadataBytes
  // Encoded again, so that its length is one that a header can have.
  const all = [...entries, ...changes]
  return encodeHeader(all, {}, encodeHeader(all, {}).byteLength + metadata).byteLength
}
